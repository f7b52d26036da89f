// SPDX-License-Identifier: Apache-2.0

package hedge_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/hedge"
)

// errNotFound is an answer of the backend.
var errNotFound = errors.New("not found")

func classify(err error) core.Class {
	if errors.Is(err, errNotFound) {
		return core.Answered("not_found")
	}
	return core.Class{}
}

func TestAnAnswerEndsTheOperationAtOnce(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	other := fmt.Errorf("no such key: %w", errNotFound)
	for _, row := range []struct {
		name          string
		first, second script
		want          string
		err           error
		took          time.Duration
		won           uint64
		canceled      [2]bool
	}{
		{"of the first", script{takes: ms(151), err: errNotFound}, script{takes: ms(152)}, "", errNotFound, ms(151), 0, [2]bool{false, true}},
		{"of the second", script{takes: ms(1000)}, script{takes: ms(20), err: errNotFound}, "", errNotFound, ms(120), 1, [2]bool{true, false}},
		{"of the second, after the first failed", script{takes: ms(200), err: errFirst}, script{takes: ms(200), err: errNotFound}, "", errNotFound, ms(300), 1, [2]bool{}},
		{"of the first, after the second failed", script{takes: ms(300), err: errNotFound}, script{takes: ms(50), err: errOther}, "", errNotFound, ms(300), 0, [2]bool{}},
		{"of both, the first first", script{takes: ms(200), err: errNotFound}, script{takes: ms(200), err: other, deaf: true}, "", errNotFound, ms(300), 0, [2]bool{}},
		{"of both, the second first", script{takes: ms(200), err: other, deaf: true}, script{takes: ms(50), err: errNotFound}, "", errNotFound, ms(200), 1, [2]bool{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, hedge.Config{Delay: ms(100)})
				got, err := r.do(t.Context(), row.first, row.second)
				if got != row.want || !errors.Is(err, row.err) || errors.Is(err, other) {
					t.Errorf("Do = %q, %v, want %q, %v", got, err, row.want, row.err)
				}
				if took := time.Since(r.began); took != row.took || r.canceled != row.canceled {
					t.Errorf("took %v, canceled %v, want %v, %v", took, r.canceled, row.took, row.canceled)
				}
				r.check(t, 1, row.won, 0)
			})
		})
	}
}

// How long an answer takes says how long an operation takes, whatever the answer is.
func TestAnAnswerCountsAsALatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, hedge.Config{Delay: time.Millisecond, Quantile: 0.5, Budget: budget(t, 0, 0)})
		for range 64 {
			_, _ = r.do(t.Context(), script{takes: time.Second, err: errNotFound})
		}
		if got := r.hedger.Delay(); got != time.Second {
			t.Errorf("Delay = %v, want 1s", got)
		}
	})
}

// The second run carries a mark, and nothing else tells it from the first.
func TestTheSecondRunIsMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			mu  sync.Mutex
			ops []core.Op
		)
		client, err := core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Middleware: func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				mu.Lock()
				ops = append(ops, call.Op)
				mu.Unlock()
				return next(ctx, call)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		hedger, err := hedge.New(hedge.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := hedge.Do(t.Context(), hedger, client, op, func(context.Context, int) (int, error) {
			time.Sleep(time.Second)
			return 0, nil
		}); err != nil {
			t.Errorf("Do = %v", err)
		}
		first, second := op, op
		first.Hedged, second.Hedge = true, true
		if want := []core.Op{first, second}; !slices.Equal(ops, want) {
			t.Errorf("ran %+v, want %+v", ops, want)
		}
	})
}

// A charge is given back if the second run cost the backend nothing, and only then.
func TestWhatASecondRunIsCharged(t *testing.T) {
	refused := core.Sentinel("full", "bulkhead_full", core.ErrRejected)
	for _, row := range []struct {
		name  string
		stage error  // of the second run, before the end of the chain
		work  func() // of the second run
		want  float64
	}{
		{"a success", nil, func() {}, 9},
		{"a panic", nil, func() { panic("boom") }, 9},
		{"Goexit", nil, runtime.Goexit, 9},
		{"a local refusal", refused, nil, 10},
		{"a stage that fails by itself", errOther, nil, 10},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := hedge.Config{Budget: budget(t, 0, 5)} // begins with 5, and gets 5 in the second that Do takes
				client, err := core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Middleware: func(next core.Handler) core.Handler {
					return func(ctx context.Context, call *core.Call) error {
						if call.Op.Hedge && row.stage != nil {
							return row.stage
						}
						return next(ctx, call)
					}
				}})
				if err != nil {
					t.Fatal(err)
				}
				hedger, err := hedge.New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				var mu sync.Mutex
				runs := 0
				func() {
					defer func() { _ = recover() }()
					_, _ = hedge.Do(t.Context(), hedger, client, op, func(context.Context, int) (int, error) {
						mu.Lock()
						runs++
						second := runs == 2
						mu.Unlock()
						if second {
							row.work()
							return 0, nil
						}
						time.Sleep(time.Second)
						return 0, nil
					})
				}()
				if got := cfg.Budget.Balance(); got != row.want {
					t.Errorf("budget %v, want %v", got, row.want)
				}
				if got := hedger.Stats().Hedged; got != 1 {
					t.Errorf("%d second runs, want 1", got)
				}
			})
		})
	}
}

func TestAnOperationThatIsRefusedPaysNothingIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := core.Sentinel("full", "bulkhead_full", core.ErrRejected)
		for _, row := range []struct {
			stage error
			work  error
			want  float64
		}{{refused, nil, 0}, {nil, errFirst, 1}, {nil, errNotFound, 1}, {nil, nil, 1}} {
			cfg := hedge.Config{Budget: budget(t, 1, 0), PayIn: true}
			client, err := core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Classifier: classify, Middleware: func(next core.Handler) core.Handler {
				return func(ctx context.Context, call *core.Call) error {
					if row.stage != nil {
						return row.stage
					}
					return next(ctx, call)
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			hedger, err := hedge.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			for _, deadline := range []time.Duration{time.Hour, time.Millisecond} { // the latter leaves no time for a second run
				before := cfg.Budget.Balance()
				ctx, cancel := context.WithTimeout(t.Context(), deadline)
				_, _ = hedge.Do(ctx, hedger, client, op, func(context.Context, int) (int, error) { return 0, row.work })
				cancel()
				if got := cfg.Budget.Balance() - before; got != row.want {
					t.Errorf("Do with %v, %v paid %v in, want %v", row.stage, row.work, got, row.want)
				}
			}
		}
	})
}
