// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
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
