// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/fxmodule/admin"
	"github.com/penstock-go/penstock/pool"
)

// BenchmarkEcho is the cost of an Admin for an operation of the cheapest real backend, an
// echo over loopback: nobody watches, an Admin watches, and somebody looks at its page. Each
// is measured without telemetry and with an observer, which stands for telemetry.
func BenchmarkEcho(b *testing.B) {
	address := echo(b)
	for _, telemetry := range []struct {
		name     string
		observer core.Observer
	}{{"without telemetry", nil}, {"with telemetry", nop{}}} {
		for _, row := range []struct {
			name            string
			watched, looked bool
		}{{name: "bare"}, {"watched", true, false}, {"looked at", true, true}} {
			b.Run(telemetry.name+"/"+row.name, func(b *testing.B) {
				a, _ := newAdmin(b, admin.Config{})
				cfg := penstock.Config{Observer: telemetry.observer}
				if row.watched {
					cfg.Watchers = []penstock.Watcher{a}
				}
				c := dialing(b, address, cfg)
				if row.looked {
					defer looking(b, a, 1)()
				}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := core.Do(context.Background(), c, search, exchange); err != nil {
						b.Fatal(err)
					}
				}
				shut(b, c)
			})
		}
	}
}

// echo returns the address of a server on loopback that sends back what it is sent.
func echo(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // the benchmark is over
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return l.Addr().String()
}

// dialing returns a client named docs of connections to an address.
func dialing(b *testing.B, address string, cfg penstock.Config) *penstock.Client[net.Conn] {
	b.Helper()
	factory := &coretest.Factory[net.Conn]{
		OnDial: func(ctx context.Context, _ int) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		},
		OnClose: func(_ context.Context, conn net.Conn) error { return conn.Close() },
	}
	c, err := penstock.Open(context.Background(), penstock.Backend[net.Conn]{
		Factory: struct{ pool.Factory[net.Conn] }{factory}, Pool: pool.Config{Name: "docs"},
	}, cfg)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func exchange(_ context.Context, conn net.Conn) (int, error) {
	var buffer [16]byte
	if _, err := conn.Write(buffer[:]); err != nil {
		return 0, err
	}
	return io.ReadFull(conn, buffer[:])
}
