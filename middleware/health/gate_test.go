// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
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
		if e := r.recorder.Events(core.EventReject)[0]; e.Source != "health" || e.Op.Name != "op" || !strings.Contains(e.Err.Error(), "down") {
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

func (statement) Error() string     { return "bad statement" }
func (statement) Class() core.Class { return core.Class{Verdict: core.Success} }

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
			time.Sleep(health.DefaultInterval - 1)
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
				time.Sleep(health.DefaultInterval)
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
			moves := r.recorder.Events(core.EventHealth)
			if e := moves[len(moves)-1]; e.From != health.Down || e.To != health.Up || e.Op.Name != "op" {
				t.Errorf("observed %+v, want the move that the attempt made", e)
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
	for _, unknown := range []error{core.ErrRejected, unasked{}} {
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
