// SPDX-License-Identifier: Apache-2.0

// Package fxadaptertest tests the fx module of an adapter of Milvus. The adapters cannot
// be in one program, so each runs the suite in a test of its own.
package fxadaptertest

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// Adapter is what the suite needs of an adapter. Conn is its connection, Config its
// configuration. All fields are needed.
type Adapter[Conn, Config any] struct {
	// Package is the name of the package with the module, such as "milvusfx".
	Package string
	// Config is the type of the configuration as fx writes it, such as "milvus.Config".
	Config string
	Module func(...fxmodule.Option) fx.Option
	// With returns a configuration with an address and a password. Both may be empty.
	With func(address, password string) Config
	// Version asks the server for its version.
	Version func(context.Context, Conn) (string, error)
	// Own is a Config of another package with the name of the adapter's, not zero, and
	// OwnPointer points to one.
	Own, OwnPointer any
}

// Run runs the suite.
func Run[Conn, Config any](t *testing.T, a Adapter[Conn, Config]) {
	for name, test := range map[string]func(*testing.T){
		"a client that is traced":            a.testTraced,
		"named clients":                      a.testNamed,
		"a server that is not there":         a.testUnreachable,
		"a configuration that cannot be":     a.testRefused,
		"a graph that fx validates":          a.testValidates,
		"a watcher":                          a.testWatched,
		"no goroutine after a stop":          a.testNoGoroutineIsLeft,
		"a file with two clients":            a.testFile,
		"a configuration beside a file":      a.testConfigBesideFile,
		"a file that changes":                a.testReload,
		"a file with a fault":                a.testFileWithFault,
		"a configuration that nothing takes": a.testNotTaken,
		"configurations that are taken":      a.testTaken,
	} {
		t.Run(name, test)
	}
}

// version asks the server of a client for its version.
func (a Adapter[Conn, Config]) version(ctx context.Context, c *penstock.Client[Conn]) error {
	_, err := core.Do(ctx, c, core.Op{Name: "GetVersion", Safety: core.ReadOnly}, a.Version)
	return err
}

// at returns an option with the configuration of a server.
func (a Adapter[Conn, Config]) at(s *milvustest.Server) fx.Option {
	return fx.Supply(a.With(s.Addr(), ""))
}

// text replaces FX and CONFIG by the package and the configuration of the adapter.
func (a Adapter[Conn, Config]) text(s string) string {
	return strings.NewReplacer("FX", a.Package, "CONFIG", a.Config).Replace(s)
}

// named returns an option with a value that has a name.
func named(name string, value any) fx.Option {
	return fx.Supply(fx.Annotate(value, fx.ResultTags(`name:"`+name+`"`)))
}

// noConnection waits until the server has no connection. It notices the end of one a
// moment later.
func noConnection(t *testing.T, s *milvustest.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for s.Conns() != 0 {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			t.Errorf("%d connections are left", s.Conns())
			return
		}
	}
}
