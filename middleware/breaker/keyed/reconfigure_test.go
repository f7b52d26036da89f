// SPDX-License-Identifier: Apache-2.0

package keyed_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
)

func TestReconfigureKeepsTheStateOfEveryKey(t *testing.T) {
	r := newRig(t, keyed.Config{Max: 10, Each: breaker.Config{FailureThreshold: 3}})
	fail := func(key string, n int) {
		for range n {
			_ = r.do(t.Context(), key, func(context.Context) error { return errDown })
		}
	}
	fail("open", 3)
	fail("nearly", 2)
	for i := range 8 {
		if err := r.do(t.Context(), fmt.Sprint(i), func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Reconfigure(keyed.Config{Max: 2, Each: breaker.Config{FailureThreshold: 4}}); err != nil {
		t.Fatal(err)
	}
	s := r.Snapshot()
	if s.MaxKeys != 2 || len(s.Keys) != 2 || s.Forgotten != 8 {
		t.Errorf("%d keys of at most %d, %d forgotten; want the two that are not idle", len(s.Keys), s.MaxKeys, s.Forgotten)
	}
	if b, ok := r.Breaker("open"); !ok || b.State() != breaker.Open {
		t.Error("the breaker that was open is not open any more")
	}
	fail("nearly", 1)
	if b, _ := r.Breaker("nearly"); b.State() != breaker.Closed {
		t.Error("the third failure opens it, want the fourth")
	}
	fail("nearly", 1)
	if b, _ := r.Breaker("nearly"); b.State() != breaker.Open {
		t.Error("the fourth failure does not open it")
	}
	if err := r.Reconfigure(keyed.Config{Key: func(*core.Call) string { return "open" }}); err != nil {
		t.Fatal(err)
	}
	if err := r.do(t.Context(), "another", func(context.Context) error { return nil }); err == nil {
		t.Error("an operation passes under the new key, whose breaker is open")
	}
}

func TestKeysBeyondALowerMaxGoWhenTheyAreIdle(t *testing.T) {
	r := newRig(t, keyed.Config{Max: 10, Each: breaker.Config{FailureThreshold: 3}})
	end := func(key string, err error) { _ = r.do(t.Context(), key, func(context.Context) error { return err }) }
	for i := range 10 {
		end(fmt.Sprint(i), errDown)
	}
	if err := r.Reconfigure(keyed.Config{Max: 4, Each: breaker.Config{FailureThreshold: 3}}); err != nil {
		t.Fatal(err)
	}
	if n := len(r.Snapshot().Keys); n != 10 {
		t.Errorf("%d keys have a breaker, want 10: none is idle", n)
	}
	for i := range 10 {
		end(fmt.Sprint(i), nil)
	}
	end("another", nil)
	if n := len(r.Snapshot().Keys); n != 4 {
		t.Errorf("%d keys have a breaker, want 4 as the others were idle", n)
	}
}

func TestReconfigureOfKeysRefusesAnotherName(t *testing.T) {
	r := newRig(t, keyed.Config{Max: 3})
	for _, bad := range []keyed.Config{{Max: 5, Each: breaker.Config{Name: "other"}}, {Max: -1}} {
		if err := r.Reconfigure(bad); err == nil {
			t.Errorf("Reconfigure accepts %+v", bad)
		}
	}
	if got := r.Snapshot().MaxKeys; got != 3 {
		t.Errorf("MaxKeys is %d, want 3 as before", got)
	}
}
