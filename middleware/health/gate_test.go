// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/health"
)

func TestFailedProbesInARowShutTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, health.Config{})
		for range 10 {
			r.probed(t, 2, errDown)
			r.up(t, true)
			r.probed(t, 1, nil)
		}
		r.probed(t, 3, errDown)
		r.up(t, false)
		if r.do(t, nil) {
			t.Error("an attempt passed the shut gate")
		}
		r.probed(t, 1, nil)
		r.up(t, true)
		if !r.do(t, nil) {
			t.Error("no attempt passes the open gate")
		}
		want := []string{"health up>down _OTHER", "reject unhealthy", "health down>up"}
		lines := slices.DeleteFunc(r.recorder.Lines(), func(s string) bool { return strings.Contains(s, "probe") })
		if !slices.Equal(lines, want) {
			t.Errorf("observed %q, want %q", lines, want)
		}
		if e := r.recorder.Events(core.EventReject)[0]; e.Name != "health" || e.Op.Name != "op" || !strings.Contains(e.Err.Error(), "down") {
			t.Errorf("observed %+v", e)
		}
	})
}

func TestASuccessfulAttemptKeepsTheGateOpen(t *testing.T) {
	answers := &struct{ statement }{}
	for _, row := range []struct {
		name    string
		outcome error
		up      bool
	}{
		{"success", nil, true},
		{"an answer", answers, true},
		{"failure", errDown, false},
		{"a local refusal", core.ErrRejected, false},
		{"nothing known", unasked{}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, health.Config{})
				r.do(t, row.outcome) // before the first failed probe: of no use
				r.probed(t, 2, errDown)
				r.do(t, row.outcome)
				r.probed(t, 2, errDown)
				r.up(t, row.up)
				r.probed(t, 1, errDown)
				r.up(t, false)
			})
		})
	}
}

// statement is an error of the statement: the backend answered.
type statement struct{}

func (statement) Error() string { return "bad statement" }
func (statement) Class() core.Class {
	return core.Class{Verdict: core.Success, Retry: core.RetryNever, Conn: core.Keep}
}

func TestAnAttemptUnderWayCountsWhenItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, health.Config{})
		wake := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _ = core.Do(t.Context(), r.client, core.Op{}, func(context.Context, int) (int, error) { <-wake; return 0, nil })
		})
		synctest.Wait()
		r.probed(t, 3, errDown)
		r.up(t, false)
		close(wake)
		wg.Wait()
		r.up(t, true) // it ended well after the first failed probe
	})
}

func TestTheShutGateLetsOneAttemptThroughPerInterval(t *testing.T) {
	for _, threshold := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, health.Config{UpThreshold: threshold})
			r.probed(t, 3, errDown)
			// storm makes 50 attempts at once, and returns how many passed.
			storm := func(err error) int {
				var passed atomic.Int64
				var wg sync.WaitGroup
				for range 50 {
					wg.Go(func() {
						if r.do(t, err) {
							passed.Add(1)
						}
					})
				}
				wg.Wait()
				return int(passed.Load())
			}
			if got := storm(errDown); got != 0 {
				t.Errorf("%d attempts passed in the first interval, want 0", got)
			}
			time.Sleep(10*time.Second - 1)
			if got := storm(errDown); got != 0 {
				t.Errorf("%d attempts passed in the first interval, want 0", got)
			}
			time.Sleep(time.Nanosecond)
			for range 3 {
				if got := storm(errDown); got != 1 {
					t.Errorf("%d attempts passed, want 1", got)
				}
				r.probed(t, 1, errDown)
				r.up(t, false)
				time.Sleep(10 * time.Second)
			}
			if threshold > 1 {
				r.probed(t, 1, nil) // good, but not enough to open it
				r.up(t, false)
			}
			if !r.do(t, nil) {
				t.Error("no attempt passed after an interval")
			}
			r.up(t, true)
			if got := storm(errDown); got != 50 {
				t.Errorf("%d attempts passed the open gate, want 50", got)
			}
			transitions := r.recorder.Events(core.EventHealth)
			if e := transitions[len(transitions)-1]; e.From != health.Down || e.To != health.Up || e.Op.Name != "op" {
				t.Errorf("observed %+v, want the transition that the attempt made", e)
			}
		})
	}
}

func TestUpThreshold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, health.Config{DownThreshold: 1, UpThreshold: 3})
		r.probed(t, 1, errDown)
		r.up(t, false)
		r.probed(t, 2, nil)
		r.probed(t, 1, errDown)
		r.probed(t, 2, nil)
		r.up(t, false)
		r.probed(t, 1, nil)
		r.up(t, true)
		if err := r.Last(); err != nil {
			t.Errorf("Last = %v, want nil", err)
		}
	})
}

func TestUnknownOutcomesCountNeitherWay(t *testing.T) {
	for _, unknown := range []error{core.ErrRejected, probeError(t, nil, coretest.Exhausted{})} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, health.Config{UpThreshold: 2})
			r.probed(t, 10, unknown)
			r.up(t, true)
			r.probed(t, 2, errDown)
			r.probed(t, 5, unknown)
			r.up(t, true)
			r.probed(t, 1, errDown) // the third in a row
			r.up(t, false)
			r.probed(t, 1, nil)
			r.probed(t, 5, unknown)
			r.up(t, false)
			r.probed(t, 1, nil)
			r.up(t, true)
		})
	}
}

func TestTheOutcomeOfAProbeDecidesHowItCounts(t *testing.T) {
	for _, row := range []struct {
		name string
		err  error
		up   bool
	}{
		{"an answer", probeError(t, statement{}, nil), true},
		{"failed work", probeError(t, errDown, nil), false},
		{"a dial that failed", probeError(t, nil, errDown), false},
		{"a neutral class that no operation has", unasked{}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, health.Config{DownThreshold: 1})
			r.probed(t, 1, row.err)
			r.up(t, row.up)
		})
	}
}

func TestACallerThatIsGoneUsesUpNoPass(t *testing.T) {
	for name, attempt := range map[string]func(*testing.T, *rig){
		"gone before": func(t *testing.T, r *rig) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := core.Do(ctx, r.client, core.Op{Name: "op"}, func(context.Context, int) (int, error) {
				t.Error("it passed the shut gate")
				return 0, nil
			})
			if !errors.Is(err, health.ErrUnhealthy) {
				t.Errorf("Do = %v, want a refusal", err)
			}
		},
		"gone meanwhile": func(t *testing.T, r *rig) {
			ctx, cancel := context.WithCancel(t.Context())
			_, err := core.Do(ctx, r.client, core.Op{Name: "op"}, func(ctx context.Context, _ int) (int, error) {
				if r.do(t, nil) {
					t.Error("two attempts passed the shut gate at once")
				}
				cancel()
				return 0, ctx.Err()
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Do = %v, want the cancel", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, health.Config{})
				r.probed(t, 3, errDown)
				time.Sleep(10 * time.Second)
				attempt(t, r)
				r.up(t, false)
				if !r.do(t, nil) {
					t.Error("no attempt passes after that")
				}
				r.up(t, true)
			})
		})
	}
}

func TestAPassThatIsOlderThanTheLastIsNotGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, health.Config{})
		r.probed(t, 3, errDown)
		time.Sleep(10 * time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		_, _ = core.Do(ctx, r.client, core.Op{Name: "op"}, func(ctx context.Context, _ int) (int, error) {
			time.Sleep(10 * time.Second)
			if !r.do(t, errDown) {
				t.Error("no attempt passed in the second interval")
			}
			cancel()
			return 0, ctx.Err()
		})
		if r.do(t, nil) {
			t.Error("a second attempt passed in the interval")
		}
	})
}
