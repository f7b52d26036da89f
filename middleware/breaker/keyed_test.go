// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/breaker"
)

// keyedRig is a client whose chain is the breakers of keys.
type keyedRig struct {
	*breaker.Keyed
	client   *core.Client[int]
	recorder *coretest.Recorder
}

func newKeyedRig(t testing.TB, cfg breaker.KeyedConfig, outer ...core.Middleware) *keyedRig {
	t.Helper()
	k, err := breaker.NewKeyed(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &keyedRig{Keyed: k, recorder: &coretest.Recorder{}}
	r.client, err = core.NewClient(core.ClientConfig[int]{
		Source:     &coretest.Source[int]{},
		Middleware: core.Chain(observe, core.Chain(outer...), k.Middleware),
		Observer:   r.recorder,
		Classifier: classify,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *keyedRig) do(ctx context.Context, key string, fn func(context.Context) error) error {
	_, err := core.Do(ctx, r.client, core.Op{Name: "op", Target: key}, func(ctx context.Context, _ int) (int, error) {
		return 0, fn(ctx)
	})
	return err
}

// end runs n operations with key that end with err at once, and returns how
// many were refused.
func (r *keyedRig) end(t testing.TB, key string, n int, err error) (refused int) {
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
func (r *keyedRig) row(key string) int {
	b, ok := r.Breaker(key)
	if !ok {
		return -1
	}
	return int(b.Snapshot().Counters.FailureCount)
}

func TestOneBadCollectionRefusesItsOwnOperationsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, each := range []breaker.Config{{}, {FailureRate: 0.5, MinimumCalls: 5}} {
			r := newKeyedRig(t, breaker.KeyedConfig{Each: each})
			refused := 0
			for range 50 {
				for n := range 100 {
					key := fmt.Sprintf("collection%d", n)
					if n == 42 {
						refused += r.end(t, key, 1, errDown)
					} else if r.end(t, key, 1, nil) != 0 {
						t.Fatalf("an operation on %s was refused", key)
					}
				}
			}
			if refused != 45 {
				t.Errorf("%d operations on the bad one were refused, want all but 5 of 50", refused)
			}
			s := r.Snapshot()
			if s.Counters.TotalSuccesses != 99*50 || s.Counters.TotalFailures != 5 || s.Counters.TotalRequests != 100*50 || len(s.Keys) != 100 {
				t.Errorf("counters %+v of %d keys", s.Counters, len(s.Keys))
			}
			b, _ := r.Breaker("collection42")
			if b == nil || b.State() != breaker.Open {
				t.Error("the bad one's breaker is not open")
			}
			time.Sleep(breaker.DefaultRecoveryTimeout)
			synctest.Wait() // for the timer
			if refused := r.end(t, "collection42", 10, nil); refused != 0 {
				t.Errorf("%d operations were refused after it recovered", refused)
			}
		}
	})
}

func TestABreakerOfTheBackendDoesNotCountTheRefusalsOfKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, attempts := range []bool{false, true} {
			backend, err := breaker.New(breaker.Config{CountAttempts: attempts})
			if err != nil {
				t.Fatal(err)
			}
			r := newKeyedRig(t, breaker.KeyedConfig{Each: breaker.Config{FailureThreshold: 2}}, backend.Middleware)
			r.end(t, "bad", 20, errDown)
			if s := backend.Snapshot(); s.State != "closed" || s.Counters.TotalFailures != 2 || s.Counters.TotalNeutral != 18 || s.Counters.TotalFastFailures != 0 {
				t.Errorf("CountAttempts %v: the backend's breaker is %+v, want 2 failures and 18 neutral", attempts, s)
			}
			if refused := r.end(t, "good", 5, nil); refused != 0 {
				t.Errorf("%d operations on another key were refused", refused)
			}
			time.Sleep(breaker.DefaultRecoveryTimeout)
		}
	})
}

// A refusal by a guard comes when the attempt has its connection.
func TestWhatAnotherBreakerForbidsIsNotARejectionOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, attempts := range []bool{false, true} {
			backend, err := breaker.New(breaker.Config{CountAttempts: attempts})
			if err != nil {
				t.Fatal(err)
			}
			k, err := breaker.NewKeyed(breaker.KeyedConfig{Each: breaker.Config{CountAttempts: attempts}})
			if err != nil {
				t.Fatal(err)
			}
			client, err := core.NewClient(core.ClientConfig[int]{
				Source:     &coretest.Source[int]{OnAcquire: func(context.Context) error { time.Sleep(time.Second); return nil }},
				Middleware: core.Chain(backend.Middleware, k.Middleware),
			})
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() {
				_, err := core.Do(t.Context(), client, core.Op{Name: "op", Target: "a"}, func(context.Context, int) (int, error) { return 0, nil })
				if !errors.Is(err, breaker.ErrOpen) {
					t.Errorf("Do = %v, want ErrOpen", err)
				}
			})
			synctest.Wait()
			k.ForceOpen("a")
			wg.Wait()
			if c := backend.Snapshot().Counters; c.TotalRequests != 1 || c.TotalNeutral != 1 {
				t.Errorf("CountAttempts %v: the backend's breaker counted %+v, want one neutral", attempts, c)
			}
			if c := k.Snapshot().Counters; c.TotalRequests != 1 || c.TotalFastFailures != 1 {
				t.Errorf("CountAttempts %v: the key's breaker counted %+v, want one rejection", attempts, c)
			}
		}
	})
}

func TestTheKeyIsWhatTheConfigSays(t *testing.T) {
	r := newKeyedRig(t, breaker.KeyedConfig{
		Key:  func(call *core.Call) string { return strings.ToUpper(call.Op.Target) },
		Each: breaker.Config{Name: "milvus"},
	})
	r.end(t, "a", 2, nil)
	r.end(t, "A", 2, nil)
	r.end(t, "", 1, nil)
	var names []string
	for _, s := range r.Snapshot().Keys {
		names = append(names, s.Name+" "+s.Key)
	}
	if want := []string{"milvus[] ", "milvus[A] A"}; !slices.Equal(names, want) {
		t.Errorf("breakers %q, want %q", names, want)
	}
}

func TestAKeyIsNamedToPeopleAndNotToTelemetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		r := newKeyedRig(t, breaker.KeyedConfig{Each: breaker.Config{Name: "milvus", OnMove: func(name string, _, to breaker.State) {
			told = append(told, name+" "+to.String())
		}}})
		r.end(t, "books", 5, errDown)
		err := r.do(t.Context(), "books", func(context.Context) error { return nil })
		if want := `circuit breaker "milvus[books]" is open`; !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("Do = %v, want %q in it", err, want)
		}
		r.ForceOpen("secret")
		r.end(t, "secret", 1, nil)
		if want := []string{"milvus[books] open", "milvus[secret] forced_open"}; !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
		for _, kind := range []core.EventKind{core.EventMove, core.EventReject} {
			events := r.recorder.Events(kind)
			if len(events) != 2 {
				t.Errorf("%d events %v, want 2", len(events), kind)
			}
			for _, e := range events {
				if e.Source != "milvus" {
					t.Errorf("observed %+v, want the name of all", e)
				}
			}
		}
		time.Sleep(breaker.DefaultRecoveryTimeout)
	})
}

func TestTheTotalsOfKeysAddUp(t *testing.T) {
	for name, each := range policies() {
		t.Run(name, func(t *testing.T) {
			k, err := breaker.NewKeyed(breaker.KeyedConfig{Max: 3, Each: each}) // of 5 keys
			if err != nil {
				t.Fatal(err)
			}
			got := race(t, k.Middleware, func(w, n int) {
				if w == 0 && n%100 == 0 {
					k.Snapshot()
				}
				if w == 1 && n%50 == 0 {
					k.Reset()
				}
			})
			s := k.Snapshot()
			got.equal(t, s.Counters)
			if len(s.Keys) > 3 {
				t.Errorf("%d keys, want 3 at most", len(s.Keys))
			}
		})
	}
}

func TestAKeyFunctionThatPanicsHoldsNothing(t *testing.T) {
	panics := true
	r := newKeyedRig(t, breaker.KeyedConfig{Key: func(*core.Call) string {
		if panics {
			panic("key")
		}
		return ""
	}})
	func() {
		defer func() {
			if v := recover(); v != "key" {
				t.Errorf("recovered %v, want the panic of the function", v)
			}
		}()
		r.end(t, "", 1, nil)
	}()
	panics = false
	r.end(t, "", 1, nil)
	if c := r.Snapshot().Counters; c.TotalRequests != 1 {
		t.Errorf("counters %+v, want one request", c)
	}
}

func TestNewKeyedNamesAllThatIsWrong(t *testing.T) {
	k, err := breaker.NewKeyed(breaker.KeyedConfig{Max: -1, Each: breaker.Config{FailureThreshold: -1, FailureRate: 2}})
	if k != nil || err == nil {
		t.Fatalf("NewKeyed = %v, %v, want an error", k, err)
	}
	for _, want := range []string{"Max is negative: -1", "FailureThreshold", "FailureRate"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("NewKeyed = %q, want %q in it", err, want)
		}
	}
	if k, err = breaker.NewKeyed(breaker.KeyedConfig{}); err != nil {
		t.Fatal(err)
	}
	if s := k.Snapshot(); s.Name != "keyed_breaker" || s.MaxKeys != breaker.DefaultMaxKeys || len(s.Keys) != 0 {
		t.Errorf("the snapshot is %+v, want the defaults", s)
	}
	if stage := k.Stage(); stage.Name != "keyed_breaker" || stage.After != "breaker" || stage.Middleware == nil {
		t.Errorf("Stage = %+v", stage)
	}
}

func TestAKeyedSnapshotIsJSON(t *testing.T) {
	r := newKeyedRig(t, breaker.KeyedConfig{})
	r.end(t, "books", 1, nil)
	text, err := json.Marshal(r.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, "", got, "name", "max_keys", "forgotten", "overflowed", "counters", "overflow", "keys")
	key := got["keys"].([]any)[0].(map[string]any)
	wantKeys(t, "", key, "name", "key", "state", "configuration", "counters", "timing", "current_state")
}
