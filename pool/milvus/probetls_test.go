// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/milvusbase/milvusbasetest"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// inFront listens in front of srv. serve gets each connection with its number, and
// returns whether the connection is passed on to srv; otherwise it is closed.
func inFront(t *testing.T, srv *milvustest.Server, serve func(n int, first *bufio.Reader, c net.Conn) bool) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for n := 1; ; n++ {
			c, err := lis.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				first := bufio.NewReader(c)
				if !serve(n, first, c) {
					return
				}
				up, err := net.Dial("tcp", srv.Addr())
				if err != nil {
					return
				}
				defer up.Close()
				all.Go(func() {
					defer c.Close()
					_, _ = io.Copy(c, up)
				})
				_, _ = io.Copy(up, first)
			})
		}
	})
	t.Cleanup(func() {
		lis.Close()
		all.Wait()
	})
	return lis.Addr().String()
}

// isTLS reports whether a client begins with a TLS handshake. It takes nothing away.
func isTLS(first *bufio.Reader) bool {
	head, err := first.Peek(1)
	return err == nil && head[0] == 0x16
}

func TestADialWithoutTLSOfAServerWithTLSSaysSo(t *testing.T) {
	cert, trust := milvusbasetest.Certificate(t)
	secure := start(t, milvustest.Config{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	mutual := start(t, milvustest.Config{TLS: &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientCAs: trust, ClientAuth: tls.RequireAndVerifyClientCert,
	}})
	for name, address := range map[string]string{
		"with TLS":           secure.Addr(),
		"with mutual TLS":    mutual.Addr(),
		"with an old server": start(t, milvustest.Config{TLS: &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12}}).Addr(),
		"that sends an alert": inFront(t, secure, func(_ int, first *bufio.Reader, c net.Conn) bool {
			if isTLS(first) {
				return true
			}
			_, _ = c.Write([]byte{0x15, 3, 1, 0, 2, 2, 70}) // fatal, protocol version: as OpenSSL does
			return false
		}),
		"whose proxy knows another name": inFront(t, secure, func(_ int, first *bufio.Reader, c net.Conn) bool {
			if isTLS(first) {
				_, _ = io.ReadAtLeast(first, make([]byte, 1024), 1)
				_, _ = c.Write([]byte{0x15, 3, 3, 0, 2, 2, 112}) // fatal, unrecognized name
			}
			return false
		}),
	} {
		t.Run(name, func(t *testing.T) {
			// The dial would end after an hour. It ends by itself.
			p, err := milvus.NewPool(milvus.Config{Address: address, Pool: pool.Config{DialTimeout: time.Hour, AcquireTimeout: time.Hour}})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close(context.Background())
			_, err = p.Acquire(t.Context())
			e := asError(t, err)
			if !errors.Is(e, milvus.ErrTLS) || !errors.Is(e, core.ErrConnection) || errors.Is(e, core.ErrUnavailable) {
				t.Errorf("Dial = %v, want ErrTLS, and not core.ErrUnavailable", e)
			}
			for _, want := range []string{"the server speaks TLS", "Config.TLS", "tls.enabled", address} {
				if !strings.Contains(e.Error(), want) {
					t.Errorf("Dial = %v, want it to say %q", e, want)
				}
			}
			wantClass(t, e, useless)
		})
	}
}

func TestADialWithTLSOfAServerWithoutSaysSo(t *testing.T) {
	_, trust := milvusbasetest.Certificate(t)
	plain := start(t, milvustest.Config{})
	for name, address := range map[string]string{
		"that speaks first": plain.Addr(),
		"that closes the connection": inFront(t, plain, func(_ int, first *bufio.Reader, _ net.Conn) bool {
			return !isTLS(first)
		}),
		"that speaks HTTP/1": inFront(t, plain, func(_ int, first *bufio.Reader, c net.Conn) bool {
			_, _ = first.Peek(1)
			if !isTLS(first) {
				_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			}
			return false
		}),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFactory(t, milvus.Config{Address: address, TLS: &tls.Config{RootCAs: trust}})
			_, err := f.Dial(t.Context()) // without a deadline
			e := asError(t, err)
			if !errors.Is(e, milvus.ErrTLS) || !strings.Contains(e.Error(), "the server does not speak TLS") || !strings.Contains(e.Error(), address) {
				t.Errorf("Dial = %v, want ErrTLS, the reason and the address", e)
			}
			wantClass(t, e, useless)
		})
	}
}

// A server that is starting, or the proxy in front of it, closes connections too.
func TestAServerThatClosesTheFirstConnectionsIsReached(t *testing.T) {
	cert, trust := milvusbasetest.Certificate(t)
	for name, c := range map[string]struct{ server, client *tls.Config }{
		"without TLS": {},
		"with TLS":    {&tls.Config{Certificates: []tls.Certificate{cert}}, &tls.Config{RootCAs: trust}},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			probes := 0 // guarded by mu
			srv := start(t, milvustest.Config{TLS: c.server})
			address := inFront(t, srv, func(n int, first *bufio.Reader, _ net.Conn) bool {
				if isTLS(first) != (c.client != nil) {
					mu.Lock()
					probes++
					mu.Unlock()
				}
				return n > 3
			})
			f := newFactory(t, milvus.Config{Address: address, TLS: c.client})
			conn, err := f.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := ping(t, conn); err != nil {
				t.Error(err)
			}
			if err := f.Close(t.Context(), conn); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if probes != 1 {
				t.Errorf("%d connections were probes, want one in a dial", probes)
			}
		})
	}
}

func TestAServerThatClosesEveryConnectionIsNotSaidToSpeakTLS(t *testing.T) {
	probed := make(chan struct{})
	address := inFront(t, nil, func(n int, _ *bufio.Reader, _ net.Conn) bool {
		if n == 4 {
			close(probed)
		}
		return false
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := newFactory(t, milvus.Config{Address: address}).Dial(ctx)
		done <- err
	}()
	<-probed
	cancel()
	err := <-done
	wantStatus(t, err, 0, codes.Canceled)
	if errors.Is(err, milvus.ErrTLS) {
		t.Errorf("Dial = %v, want no word of TLS", err)
	}
}
