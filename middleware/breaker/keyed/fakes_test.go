// SPDX-License-Identifier: Apache-2.0

package keyed_test

import (
	"context"
	"errors"
	"testing"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
)

var (
	errDown    = errors.New("down")
	errLimited = errors.New("rate limited")
)

func classify(err error) core.Class {
	if errors.Is(err, errLimited) {
		return core.Busy("limited", 0)
	}
	return core.Class{}
}

// rig is a client whose chain is the breakers of keys.
type rig struct {
	*keyed.Keyed
	client   *core.Client[int]
	recorder *coretest.Recorder
}

func newRig(t testing.TB, cfg keyed.Config, outer ...core.Middleware) *rig {
	t.Helper()
	k, err := keyed.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Keyed: k, recorder: &coretest.Recorder{}}
	r.client, err = core.NewClient(core.ClientConfig[int]{
		Source:     &coretest.Source[int]{},
		Middleware: core.Compose(core.Compose(outer...), k.Middleware),
		Observer:   r.recorder,
		Classifier: classify,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) do(ctx context.Context, key string, fn func(context.Context) error) error {
	_, err := core.Do(ctx, r.client, core.Op{Name: "op", Target: key}, func(ctx context.Context, _ int) (int, error) {
		return 0, fn(ctx)
	})
	return err
}

// end runs n operations with key that end with err at once, and returns how
// many were refused.
func (r *rig) end(t testing.TB, key string, n int, err error) (refused int) {
	t.Helper()
	for range n {
		switch got := r.do(t.Context(), key, func(context.Context) error { return err }); {
		case errors.Is(got, breaker.ErrOpen):
			refused++
		case !errors.Is(got, err):
			t.Fatalf("Do = %v, want %v", got, err)
		}
	}
	return refused
}

// row returns the failures in a row of key; -1 if it has no breaker.
func (r *rig) row(key string) int {
	b, ok := r.Breaker(key)
	if !ok {
		return -1
	}
	return int(b.Snapshot().Counters.FailureCount)
}
