// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/penstock-go/penstock/internal/diagnose/lab"
)

// echo returns the address of a server that sends back what it gets.
func echo(t *testing.T) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lis.Close() })
	go func() {
		for {
			c, err := lis.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return lis.Addr().String()
}

func wired(t *testing.T) *lab.Wire {
	t.Helper()
	w, err := lab.NewWire(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func dial(t *testing.T, w *lab.Wire) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", w.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ask sends a text, and wants it back.
func ask(t *testing.T, c net.Conn, text string) {
	t.Helper()
	got := make([]byte, len(text))
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		t.Fatalf("got %q, %v, want %q", got, err, text)
	}
}

func TestAWireThatRefusesKeepsItsConnections(t *testing.T) {
	w := wired(t)
	c := dial(t, w)
	ask(t, c, "before")
	w.Refuse()
	w.Refuse() // nothing more
	if other, err := net.Dial("tcp", w.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Dial = %v, %v, want a refusal", other, err)
	}
	ask(t, c, "after")
}

func TestAWireThatSwallowsCarriesNothing(t *testing.T) {
	w := wired(t)
	c := dial(t, w)
	ask(t, c, "before")
	w.Swallow()
	late := dial(t, w) // accepted all the same
	for _, conn := range []net.Conn{c, late} {
		if _, err := conn.Write([]byte("lost")); err != nil {
			t.Errorf("Write = %v, want nil: the wire breaks no connection", err)
		}
	}
	w.Close()
	for name, conn := range map[string]net.Conn{"old": c, "new": late} {
		if got, _ := io.ReadAll(conn); len(got) > 0 {
			t.Errorf("%s connection: read %q, want nothing", name, got)
		}
	}
}
