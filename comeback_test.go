// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/pool"
)

// server is a backend that goes away and comes back. While it is away, it refuses
// connections and breaks those it had, or it answers nothing.
type server struct {
	hangs bool

	mu   sync.Mutex // guards the fields below
	born int        // connections of earlier numbers are broken
	back chan struct{}
	made int
}

func (s *server) goAway() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.back = make(chan struct{})
	if !s.hangs {
		s.born = s.made + 1
	}
}

func (s *server) comeBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.back)
	s.back = nil
}

// answer answers on the connection of the number, 0 for a dial.
func (s *server) answer(ctx context.Context, number int) error {
	s.mu.Lock()
	back, broken := s.back, number > 0 && number < s.born
	s.mu.Unlock()
	switch {
	case broken:
		return errEOF
	case back == nil:
		return nil
	case !s.hangs:
		return errRefused
	}
	select {
	case <-back:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wires returns a factory of connections to s.
func (s *server) wires() *wires {
	return &wires{
		OnDial: func(ctx context.Context, n int) (*wire, error) {
			if err := s.answer(ctx, 0); err != nil {
				return nil, err
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.made = max(s.made, n)
			return &wire{number: n}, nil
		},
		OnPing: func(ctx context.Context, w *wire) error { return s.answer(ctx, w.number) },
	}
}

// call calls s in an operation with a deadline of two seconds.
func (s *server) call(ctx context.Context, c *penstock.Client[*wire], target string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err := core.Do(ctx, c, core.Op{Name: "Get", Target: target, Safety: core.ReadOnly}, func(ctx context.Context, w *wire) (int, error) {
		return 0, s.answer(ctx, w.number)
	})
	return err
}

// The pool pauses for up to 5 s between dials that fail, and the breaker is open for 30 s.
func TestAClientIsBackSoonAfterItsBackend(t *testing.T) {
	for name, hangs := range map[string]bool{"it refuses": false, "it hangs": true} {
		for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
			for _, each := range []*keyed.Config{nil, {}} {
				t.Run(name+" "+mode.String(), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						s := &server{hangs: hangs}
						c := started(t, backend{Factory: s.wires(), Pool: pool.Config{Mode: mode}},
							penstock.Config{Chain: middleware.Config{KeyedBreaker: each}})
						for range 10 { // times at which the probes and dials stand differently
							outage, back := 17300*time.Millisecond, time.Time{}
							s.goAway()
							for end := time.Now().Add(outage); ; time.Sleep(20 * time.Millisecond) {
								err := s.call(t.Context(), c, "key")
								if back.IsZero() && !time.Now().Before(end) {
									if err == nil || c.Breaker().State() == breaker.Closed {
										t.Errorf("Do = %v at the end of the outage, breaker %v", err, c.Breaker().State())
									}
									s.comeBack()
									back = time.Now()
								} else if !back.IsZero() && err == nil {
									break
								}
							}
							if took := time.Since(back); took > 2*time.Second {
								t.Errorf("the first operation succeeds %v after the backend is back, want 2 s at most", took)
							}
							for range 50 {
								time.Sleep(20 * time.Millisecond)
								if err := s.call(t.Context(), c, "key"); err != nil {
									t.Errorf("Do = %v after the recovery", err)
								}
							}
						}
						closeClient(t, c)
					})
				})
			}
		}
	}
}

// An operation of the work fails, and every ping is answered.
func TestABackendThatOnlyAnswersPingsIsTriedMoreAndMoreSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := started(t, backend{}, penstock.Config{Chain: middleware.Config{KeyedBreaker: &keyed.Config{}}})
		calls := 0
		for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			_ = work(t.Context(), c, core.Op{Name: "Insert"}, func(context.Context) error { calls++; return errEOF })
		}
		// Five open the breaker, and one each ends half-open: five early ones in the first
		// minute, and then one in 30 s.
		if calls > 5+5+20 {
			t.Errorf("the backend got %d calls in ten minutes, want 30 at most", calls)
		}
		closeClient(t, c)
	})
}

// A collection that is bad does not make the backend away.
func TestTheBreakerOfABadKeyIsNotTriedBecauseTheBackendAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		c := started(t, backend{Factory: s.wires()}, penstock.Config{Chain: middleware.Config{KeyedBreaker: &keyed.Config{}}})
		for range 5 {
			_ = work(t.Context(), c, core.Op{Name: "Get", Target: "good"}, works)
			_ = work(t.Context(), c, core.Op{Name: "Insert", Target: "bad"}, fails)
			c.Breaker().Reset()
		}
		bad, _ := c.KeyedBreaker().Breaker("bad")
		time.Sleep(29 * time.Second)
		if bad.State() != breaker.Open {
			t.Errorf("the breaker of the bad key is %v after 29 s, want open", bad.State())
		}
		time.Sleep(time.Second)
		if bad.State() != breaker.HalfOpen {
			t.Errorf("the breaker of the bad key is %v after 30 s, want half_open", bad.State())
		}
		closeClient(t, c)
	})
}

func TestABreakerForcedOpenStaysSoWhileTheBackendAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		c := started(t, backend{Factory: s.wires()}, penstock.Config{})
		c.Breaker().ForceOpen()
		time.Sleep(time.Hour)
		if got := c.Breaker().State(); got != breaker.ForcedOpen {
			t.Errorf("the breaker is %v, want forced_open", got)
		}
		closeClient(t, c)
	})
}

// Without a breaker of the backend, the monitor helps those of the keys.
func TestTheBreakersOfKeysAloneRecoverWithTheBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		c := started(t, backend{Factory: s.wires()}, penstock.Config{Chain: middleware.Config{
			Breaker: breaker.Config{Disabled: true}, KeyedBreaker: &keyed.Config{}, Health: &health.Config{RecoveryInterval: 2 * time.Second},
		}})
		s.goAway()
		for range 100 {
			_ = s.call(t.Context(), c, "key")
			time.Sleep(100 * time.Millisecond)
		}
		s.comeBack()
		time.Sleep(2500 * time.Millisecond)
		if err := s.call(t.Context(), c, "key"); err != nil {
			t.Errorf("Do = %v 2.5 s after the backend is back", err)
		}
		closeClient(t, c)
	})
}

func TestTheLogSaysWhyTheBreakerTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := &server{}
		c := started(t, backend{Factory: s.wires()}, penstock.Config{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		s.goAway()
		for range 100 {
			_ = s.call(t.Context(), c, "key")
			time.Sleep(100 * time.Millisecond)
		}
		s.comeBack()
		time.Sleep(2 * time.Second)
		_ = s.call(t.Context(), c, "key")
		closeClient(t, c)
		if want := `msg="penstock: circuit breaker probes" breaker=penstock_test.wire from=open to=half_open reason=health_probe `; !strings.Contains(log.String(), want) {
			t.Errorf("logged\n%s\nwant a record with %s", log.String(), want)
		}
	})
}
