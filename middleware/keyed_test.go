// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/retry"
)

func TestBuildPlacesTheKeyedBreakers(t *testing.T) {
	each := &keyed.Config{}
	for _, row := range []struct {
		name string
		cfg  middleware.Config
		want string
	}{
		{"the default", middleware.Config{KeyedBreaker: each}, "trace > breaker > keyed_breaker > retry > timeout"},
		{"in an order that does not name it", middleware.Config{KeyedBreaker: each, Order: []string{"trace", "retry", "breaker", "timeout"}},
			"trace > retry > breaker > keyed_breaker > timeout"},
		{"in an order that does", middleware.Config{KeyedBreaker: each, Order: []string{"trace", "keyed_breaker", "breaker", "retry", "timeout"}},
			"trace > keyed_breaker > breaker > retry > timeout"},
		{"without the backend's", middleware.Config{KeyedBreaker: each, Breaker: breaker.Config{Disabled: true}}, "trace > keyed_breaker > retry > timeout"},
		{"left out", leaveOut(middleware.Config{KeyedBreaker: each}, "keyed_breaker"), "trace > breaker > retry > timeout"},
		{"disabled", middleware.Config{KeyedBreaker: &keyed.Config{Disabled: true}}, "trace > breaker > retry > timeout"},
		{"a place for it alone", middleware.Config{Order: []string{"trace", "breaker", "keyed_breaker", "retry", "timeout"}}, "trace > breaker > retry > timeout"},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.cfg.Name = "milvus"
			chain, err := middleware.Build(row.cfg)
			if err != nil {
				t.Fatal(err)
			}
			if got := chain.String(); got != row.want {
				t.Errorf("chain %q, want %q", got, row.want)
			}
			if got := strings.Contains(row.want, "keyed_breaker"); (chain.KeyedBreaker != nil) != got {
				t.Errorf("keyed breakers: %v, want %v", chain.KeyedBreaker != nil, got)
			}
			if chain.KeyedBreaker != nil && chain.KeyedBreaker.Snapshot().Name != "milvus.keyed" {
				t.Errorf("the keyed breakers are named %q", chain.KeyedBreaker.Snapshot().Name)
			}
		})
	}
	for _, bad := range []middleware.Config{
		{KeyedBreaker: &keyed.Config{Max: -1}},
		{KeyedBreaker: &keyed.Config{Max: -1}, Breaker: breaker.Config{FailureThreshold: -1}},
	} {
		_, err := middleware.Build(bad)
		if err == nil || !strings.Contains(err.Error(), "Max is -") || strings.Contains(err.Error(), "no place") ||
			strings.Contains(err.Error(), "FailureThreshold") != (bad.Breaker.FailureThreshold < 0) {
			t.Errorf("Build = %v, want all that is wrong, and no more", err)
		}
	}
}

func TestOneBadCollectionOfAHundredLeavesTheOthersAlone(t *testing.T) {
	coretest.OneProcessor(t)
	synctest.Test(t, func(t *testing.T) {
		client, chain := newClient(t, middleware.Config{
			Name:         "milvus",
			KeyedBreaker: &keyed.Config{},
			Retry:        retry.Config{MaxRetries: 1, Interval: time.Millisecond},
		}, core.ClientConfig[int]{Source: &coretest.Source[int]{}, Classifier: classify})
		const collections, rounds = 100, 100
		calls := 0 // of the bad one
		for range rounds {
			for n := range collections {
				op := core.Op{Name: "Search", Target: fmt.Sprintf("collection%d", n), Safety: core.ReadOnly}
				_, err := core.Do(t.Context(), client, op, func(context.Context, int) (int, error) {
					if n == 0 {
						calls++
						return 0, unavailable
					}
					return 0, nil
				})
				if n != 0 && err != nil {
					t.Fatalf("%s: Do = %v, want nil", op.Target, err)
				}
				if n == 0 && !errors.Is(err, unavailable) && !errors.Is(err, breaker.ErrOpen) {
					t.Fatalf("%s: Do = %v", op.Target, err)
				}
			}
		}
		if b, ok := chain.KeyedBreaker.Breaker("collection0"); !ok || b.State() != breaker.Open || calls > 2*threshold {
			t.Errorf("%d calls on the bad collection, want its breaker open after 5 operations", calls)
		}
		if state := chain.Breaker.State(); state != breaker.Closed {
			t.Errorf("the backend's breaker is %v, want closed", state)
		}
		time.Sleep(recovery)
	})
}
