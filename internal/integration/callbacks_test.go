// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

// A report of the pool that panics or exits its goroutine changes nothing in what the
// operation came to, and the other reports are made.
func TestAReportOfThePoolThatMisbehavesDoesNotChangeTheVerdict(t *testing.T) {
	misdeeds := map[string]func(){"panics": func() { panic("boom") }, "exits": runtime.Goexit}
	for misdeed, does := range misdeeds {
		for name, want := range map[string]struct{ successes, failures uint64 }{"success": {1, 0}, "failure": {0, 1}} {
			t.Run("OnUse "+misdeed+" after a "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var returned []pool.LeakInfo
					c, err := penstock.Open(t.Context(), penstock.Backend[int]{Factory: ints{}, Pool: pool.Config{
						LeakAfter: time.Second,
						OnLeak: func(leak pool.LeakInfo) {
							if leak.Returned {
								returned = append(returned, leak)
							}
						},
						OnUse: func(time.Duration) { does() },
					}}, penstock.Config{})
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close(context.Background())
					op := core.Op{Name: "Write"} // unsafe: one attempt
					var one sync.WaitGroup
					one.Go(func() { // which may end in the middle
						_, _ = core.Do(t.Context(), c, op, func(context.Context, int) (int, error) {
							time.Sleep(2 * time.Second)
							if name == "failure" {
								return 0, errors.New("unavailable")
							}
							return 1, nil
						})
					})
					one.Wait()
					s := c.Breaker().Snapshot().Counters
					if s.TotalSuccesses != want.successes || s.TotalFailures != want.failures || s.TotalNeutral != 0 {
						t.Errorf("counters %+v, want %+v", s, want)
					}
					if len(returned) != 1 {
						t.Errorf("reported %+v, want the return of the leak", returned)
					}
					if s := c.Pool().Stats(); s.InFlight != 0 || s.Panics != 1 {
						t.Errorf("Stats = %+v, want no lease and one panic", s)
					}
				})
			})
		}
	}
}
