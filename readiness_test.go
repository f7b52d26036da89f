// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/pool"
)

// restarting is a server that can be down, and that loses its connections then.
type restarting struct {
	wires
	down atomic.Bool
	dead atomic.Int64 // number of the last connection that is lost
}

func newRestarting() *restarting {
	s := &restarting{}
	s.OnDial = func(_ context.Context, n int) (*wire, error) {
		if s.down.Load() {
			return nil, errRefused
		}
		return &wire{n}, nil
	}
	s.OnPing = func(_ context.Context, w *wire) error { return s.ping(w) }
	return s
}

func (s *restarting) ping(w *wire) error {
	if int64(w.number) <= s.dead.Load() {
		return errEOF
	}
	return nil
}

// stop ends the server, and start begins it anew.
func (s *restarting) stop()  { s.down.Store(true); s.dead.Store(int64(s.Dials())) }
func (s *restarting) start() { s.down.Store(false) }

// However the probe is written, a dead connection is not given back as good, and
// readiness recovers without an operation.
func TestReadinessRecoversAfterARestartOfTheServer(t *testing.T) {
	for name, own := range map[string]func(*restarting, func() *penstock.Client[*wire]) func(context.Context) error{
		"the factory's Ping": func(*restarting, func() *penstock.Client[*wire]) func(context.Context) error { return nil },
		"Client.Probe": func(s *restarting, c func() *penstock.Client[*wire]) func(context.Context) error {
			return func(ctx context.Context) error {
				return c().Probe(ctx, func(_ context.Context, w *wire) error { return s.ping(w) })
			}
		},
		"pool.Do": func(s *restarting, c func() *penstock.Client[*wire]) func(context.Context) error {
			return func(ctx context.Context) error {
				return c().Pool().Do(ctx, func(_ context.Context, w *wire) error { return s.ping(w) })
			}
		},
	} {
		for _, classifier := range []core.Classifier{nil, classifyWire} {
			for mode, sizes := range map[pool.Mode][]int{pool.Exclusive: {1, 3}, pool.Shared: {1, 3}} {
				for _, size := range sizes {
					t.Run(name, func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							s := newRestarting()
							var c *penstock.Client[*wire]
							cfg := &health.Config{Probe: own(s, func() *penstock.Client[*wire] { return c })}
							c = newClient(t, backend{
								Factory: s, Classifier: classifier, Pool: pool.Config{Mode: mode, MaxSize: size, MinSize: size},
							}, penstock.Config{Chain: middleware.Config{Health: cfg}})
							if err := c.Start(t.Context()); err != nil {
								t.Fatal(err)
							}
							handler := health.Readiness(c.Monitor().Ready())
							ready := func(want int) {
								t.Helper()
								w := httptest.NewRecorder()
								handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/ready", nil))
								if w.Code != want {
									t.Errorf("%v, %d connections: readiness %d, want %d", mode, size, w.Code, want)
								}
							}
							time.Sleep(time.Minute)
							ready(http.StatusOK)
							s.stop()
							time.Sleep(5 * time.Minute)
							ready(http.StatusServiceUnavailable)
							s.start()
							time.Sleep(2 * time.Minute)
							ready(http.StatusOK)
							if n, err := number(t.Context(), c); err != nil || int64(n) <= s.dead.Load() {
								t.Errorf("an operation on connection %d = %v, want one that is younger than %d", n, err, s.dead.Load())
							}
							// A restart that nobody sees: only the connections are lost.
							s.stop()
							s.start()
							time.Sleep(2 * time.Minute)
							ready(http.StatusOK)
							if n, err := number(t.Context(), c); err != nil || int64(n) <= s.dead.Load() {
								t.Errorf("an operation on connection %d = %v, want one that is younger than %d", n, err, s.dead.Load())
							}
							closeClient(t, c)
						})
					})
				}
			}
		}
	}
}
