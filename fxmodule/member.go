// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/internal/fxgraph"
	"github.com/penstock-go/penstock/pool"
)

// member is a client of the application, whether or not anything asks for it. Each
// application has a value of its own: the same options may make several applications.
type member struct {
	number  int64 // smaller in a client that was declared earlier
	name    string
	conn    string // type of the connections
	factory string // type of the pool.Factory, as the graph has it
	backend string // type of the penstock.Backend, as the graph has it
	opts    []Option

	checked bool        // whether the wiring of the application was checked; for the first member
	running atomic.Bool // from the start of the client to its stop
}

var memberCount atomic.Int64

// newMember returns the member for a client of C, without an application.
func newMember[C any](name string, opts []Option) *member {
	return &member{
		number: memberCount.Add(1), name: name, opts: opts,
		conn:    reflect.TypeFor[C]().String(),
		factory: reflect.TypeFor[pool.Factory[C]]().String(),
		backend: reflect.TypeFor[penstock.Backend[C]]().String(),
	}
}

// option provides a copy of m for each application.
func (m *member) option() fx.Option {
	return fx.Provide(fx.Annotate(func() *member {
		return &member{number: m.number, name: m.name, opts: m.opts, conn: m.conn, factory: m.factory, backend: m.backend}
	}, fx.ResultTags(`group:"penstock.clients"`)))
}

// who returns how an error names the client.
func (m *member) who() string {
	if m.name == "" {
		return "the client of " + m.conn
	}
	return fmt.Sprintf("client %q of %s", m.name, m.conn)
}

// canDial reports whether the graph has a factory or a backend for the client.
func (m *member) canDial(provided []fxgraph.Key) bool {
	return slices.ContainsFunc(provided, func(k fxgraph.Key) bool {
		return k.Name == m.name && (k.Type == m.factory || k.Type == m.backend)
	})
}

// noFactory is the error of a client that cannot dial. what would help.
func (m *member) noFactory(what string, left ...string) error {
	return fmt.Errorf("fxmodule: %s has no factory: provide a %s%s, and what their constructors need%s", m.who(), what, withName(m.name), strings.Join(left, ""))
}

// named reports whether a member has the name.
func named(name string) func(*member) bool { return func(m *member) bool { return m.name == name } }

// withName says which name a value has, if any.
func withName(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" with the name %q", name)
}

// option returns the option for a client of that name, as Go has it.
func option(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("fxmodule.Named(%q)", name)
}

// choice is [fxgraph.Choice] of the names of clients.
func choice(members []*member, one, none string) string {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.name
	}
	return fxgraph.Choice(names, one, none)
}
