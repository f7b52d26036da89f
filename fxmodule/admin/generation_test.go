// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule/admin"
	"github.com/penstock-go/penstock/pool"
)

func TestAChangeOfTheSettingsIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{})
		c := watch(t, a, "docs", penstock.Config{Chain: quick}, pool.Config{})
		defer shut(t, c)
		if s := one(t, a, "docs"); s.Generation != 1 || s.ChangedBy != "" {
			t.Errorf("generation %d by %q, want that of New", s.Generation, s.ChangedBy)
		}
		time.Sleep(time.Minute)
		change := c.Settings()
		change.By, change.Config.Chain.OperationTimeout, change.Pool.MaxSize = "ann", 7*time.Second, 9
		change.Config.Chain.Order = []string{"trace", "retry", "breaker", "timeout", "health"}
		if err := c.Reconfigure(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		s := one(t, a, "docs")
		if s.Generation != 2 || s.ChangedBy != "ann" || !s.ChangedAt.Equal(time.Now()) {
			t.Errorf("generation %d at %v by %q, want the second, now, by ann", s.Generation, s.ChangedAt, s.ChangedBy)
		}
		var stages []string
		for _, stage := range s.Flow.Stages {
			stages = append(stages, stage.Name)
		}
		if got := strings.Join(stages, " "); !strings.HasPrefix(got, "trace retry breaker timeout health") {
			t.Errorf("the stages are %q, want the new order", got)
		}
	})
}

// TestAStreamTellsAChangeOnce: what changed, and the settings that are in force since.
func TestAStreamTellsAChangeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{})
		c := watch(t, a, "docs", penstock.Config{Chain: quick}, pool.Config{})
		r, stop, ended := open(a, "?client=docs")
		time.Sleep(1500 * time.Millisecond)
		change := c.Settings()
		change.By, change.Pool.MaxSize = "ann", 9
		if err := c.Reconfigure(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if err := c.Resize("", 5); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		ticks, _ := r.ticks(t)
		if len(ticks) != 5 {
			t.Fatalf("%d ticks in 5.5 s, want 5", len(ticks))
		}
		size := func(all []penstock.Setting) string {
			for _, s := range all {
				if s.Key == "pool.max_size" {
					return s.Value
				}
			}
			return ""
		}
		for i, want := range []struct {
			size    string
			changes int
		}{{}, {"9", 1}, {}, {"5", 0}, {}} {
			s := ticks[i].Client.State
			if size(s.Settings) != want.size || len(s.Changes) != want.changes {
				t.Errorf("tick %d has %d settings, a size of %q and the changes %+v, want %+v", i, len(s.Settings), size(s.Settings), s.Changes, want)
			}
		}
		if got := ticks[1].Client.State.Changes; len(got) != 1 || got[0].By != "ann" || got[0].Changed[0].String() != "pool.max_size 10 to 9" {
			t.Errorf("the change is %+v, want the size from 10 to 9 by ann", got)
		}
		if got := one(t, a, "docs").State.Changes; len(got) != 1 {
			t.Errorf("the snapshot has the changes %+v, want one", got)
		}
		stop()
		<-ended
		shut(t, c)
	})
}

// TestAClientThatTakesThePlaceOfAnotherIsToldWhole, so that nothing of the closed one is
// taken for its own.
func TestAClientThatTakesThePlaceOfAnotherIsToldWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{})
		old := watch(t, a, "docs", penstock.Config{Chain: quick}, pool.Config{})
		if err := old.Reconfigure(t.Context(), old.Settings()); err != nil {
			t.Fatal(err)
		}
		_ = do(t.Context(), old, search, 0, errNotFound, errDown)
		r, stop, ended := open(a, "?client=docs")
		time.Sleep(1500 * time.Millisecond)
		if code, result := act(a, `{"action":"drain","client":"docs"}`, nil); code != http.StatusOK {
			t.Fatalf("drain = %d %+v", code, result)
		}
		c := watch(t, a, "docs", penstock.Config{Chain: quick}, pool.Config{})
		_ = do(t.Context(), c, core.Op{Name: "Insert"}, 0, errDown)
		time.Sleep(2 * time.Second)
		r.mu.Lock()
		states := 0
		for i, kind := range r.kinds {
			if kind != "state" {
				continue
			}
			if states++; states == 2 {
				var s admin.State
				if err := json.Unmarshal([]byte(r.bodies[i]), &s); err != nil {
					t.Fatal(err)
				}
				if got := s.Clients[0]; got.State == nil || got.State.Changes != nil || got.Status == "closed" || len(got.Operations) > 1 {
					t.Errorf("the second state has the client %+v, want the new one whole", got)
				}
			}
		}
		r.mu.Unlock()
		if states != 2 {
			t.Errorf("%d states, want one for each client", states)
		}
		stop()
		<-ended
		shut(t, c)
	})
}
