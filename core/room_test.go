// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
)

func TestAsyncTellsWhatGoRunsAndRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}, MaxAsync: 2})
		want := func(running, limit int, refused uint64) {
			t.Helper()
			if r, l, n := client.Async(); r != running || l != limit || n != refused {
				t.Errorf("Async = %d, %d, %d, want %d, %d, %d", r, l, n, running, limit, refused)
			}
		}
		want(0, 2, 0)
		release := make(chan struct{})
		for range 5 {
			core.Go(t.Context(), client, search, until(release))
		}
		want(2, 2, 3)
		close(release)
		synctest.Wait()
		want(0, 2, 3)
		if err := client.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		core.Go(t.Context(), client, search, fail())
		want(0, 2, 4)
	})
	free := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}, MaxAsync: core.Unlimited})
	if _, limit, _ := free.Async(); limit != core.Unlimited {
		t.Errorf("limit %d, want Unlimited", limit)
	}
}

func TestFallbacksAreCountedByTheClientOfTheError(t *testing.T) {
	client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}})
	failed := func(name string) *core.Error {
		_, err := core.Do(t.Context(), client, core.Op{Name: name}, fail(errUnavailable))
		e, ok := errors.AsType[*core.Error](err)
		if !ok {
			t.Fatalf("Do = %v", err)
		}
		return e
	}
	for range 3 {
		failed("Search").FellBack()
	}
	failed("Search") // without a fallback
	(&core.Error{Op: "Search"}).FellBack()
	if got, want := client.Fallbacks(), map[string]uint64{"Search": 3}; !maps.Equal(got, want) {
		t.Errorf("Fallbacks = %v, want %v", got, want)
	}
	for i := range 300 {
		failed(fmt.Sprint("Op", i)).FellBack()
	}
	if got := client.Fallbacks(); len(got) != 101 || got["_OTHER"] != 300-99 {
		t.Errorf("%d names, and %d of _OTHER", len(got), got["_OTHER"])
	}
}

func TestARefusalOfGoMayHaveAFallback(t *testing.T) {
	client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{}})
	if err := client.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := core.Go(t.Context(), client, search, fail()).Await(context.Background())
	if e, ok := errors.AsType[*core.Error](err); !ok {
		t.Fatalf("Await = %v", err)
	} else if e.FellBack(); client.Fallbacks()["Search"] != 1 {
		t.Errorf("Fallbacks = %v", client.Fallbacks())
	}
}
