// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

// dialed returns a server, and a connection to it.
func dialed(t *testing.T) (*Server, *Conn) {
	t.Helper()
	server := StartServer("shop", "secret")
	t.Cleanup(server.Close)
	conn, err := Dialer{Address: server.Address, User: "shop", Password: "secret"}.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.conn.Close() })
	return server, conn
}

func TestAConnectionCarriesAnyValue(t *testing.T) {
	_, conn := dialed(t)
	const value = "two\nlines, \"quoted\", and ÿ"
	if err := conn.Set(t.Context(), "a key", value); err != nil {
		t.Fatal(err)
	}
	if got, err := conn.Get(t.Context(), "a key"); got != value || err != nil {
		t.Errorf("Get = %q, %v, want %q", got, err, value)
	}
	if _, err := conn.Get(t.Context(), "another key"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get = %v, want %v", err, ErrNotFound)
	}
	if err := conn.Ping(t.Context()); err != nil {
		t.Errorf("Ping = %v", err)
	}
}

func TestTheContextEndsAWait(t *testing.T) {
	for name, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Minute)
		},
		"cancel": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Minute, cancel)
			return ctx, cancel
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			defer ours.Close()
			go func() { _, _ = io.Copy(io.Discard, theirs) }() // reads, and never answers
			ctx, cancel := end(t.Context())
			defer cancel()
			begin := time.Now()
			if err := newConn(ours).Ping(ctx); err == nil || !errors.Is(err, ctx.Err()) || time.Since(begin) != time.Minute {
				t.Errorf("Ping = %v after %v, want %v at the %s", err, time.Since(begin), ctx.Err(), name)
			}
		})
	}
}

func TestAliveSeesWhatTheOtherSideDid(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("on Windows, Alive cannot see without waiting what the other side did")
	}
	server, conn := dialed(t)
	var d Dialer
	for range 2 {
		if !d.Alive(conn) {
			t.Error("an open connection is not alive")
		}
		if err := conn.Ping(t.Context()); err != nil {
			t.Errorf("Ping after Alive = %v", err)
		}
	}
	server.Close()
	// The end of the stream is on its way.
	for deadline := time.Now().Add(5 * time.Second); d.Alive(conn); {
		if time.Now().After(deadline) {
			t.Fatal("a connection that the server has closed is alive")
		}
		runtime.Gosched()
	}
}

func TestALateAnswerMakesAConnectionDead(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	conn := newConn(ours)
	go func() { _, _ = theirs.Write([]byte("OK\nOK\n")) }()
	if _, err := conn.reader.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if (Dialer{}).Alive(conn) {
		t.Error("a connection with an answer that nobody waits for is alive")
	}
}

func TestAWrongPasswordEndsTheStartAtOnce(t *testing.T) {
	server := StartServer("shop", "secret")
	defer server.Close()
	_, err := penstock.Open(t.Context(), penstock.Backend[*Conn]{
		Factory:    Dialer{Address: server.Address, User: "shop", Password: "guess"},
		Classifier: classify,
	}, penstock.Config{})
	if !errors.Is(err, ErrDenied) || !errors.Is(err, pool.ErrStart) || core.ErrorType(err) != core.TypeUnauthenticated {
		t.Errorf("Open = %v (%s), want %v and %v", err, core.ErrorType(err), pool.ErrStart, ErrDenied)
	}
}
