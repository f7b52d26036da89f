// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool"
)

// TestAChangeSaysWhatItChanged without a logger that would ask for it.
func TestAChangeSaysWhatItChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := penstock.Config{Logger: slog.New(slog.DiscardHandler), Chain: middleware.Config{
			Retry: retry.Config{MaxRetries: 2},
		}}
		client := newClient(t, backend{Factory: &wires{OnDial: dialWire}, Pool: pool.Config{Name: "docs"}}, first)
		defer closeClient(t, client)
		if s := client.Snapshot(); s.Changes != nil || s.Refused != nil {
			t.Errorf("changes %+v and refused %+v after New, want none", s.Changes, s.Refused)
		}
		time.Sleep(time.Minute)
		change := client.Settings()
		change.By = "ada"
		change.Pool.MaxSize = 8
		change.Config.Chain.OperationTimeout = 7 * time.Second
		change.Config.Chain.Retry.Disabled = true
		if err := client.Reconfigure(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		all := client.Snapshot().Changes
		if len(all) != 1 {
			t.Fatalf("changes %+v, want one", all)
		}
		got, g := all[0], client.Generation()
		if got.Generation != 2 || got.Generation != g.Number || !got.At.Equal(time.Now()) || !got.At.Equal(g.At) || got.By != "ada" {
			t.Errorf("the change is %+v, want the second generation, now, by ada", got)
		}
		changed := map[string]penstock.SettingChange{}
		for _, s := range got.Changed {
			changed[s.Key] = s
		}
		for _, want := range []penstock.SettingChange{
			{Key: "pool.max_size", Old: "10", New: "8"},
			{Key: "chain.operation_timeout", Old: "0s", New: "7s"},
			{Key: "chain.order", Old: "breaker, retry, timeout, health", New: "breaker, timeout, health"},
			{Key: "retry.max_retries", Old: "2"}, // the stage is out of the chain
		} {
			if changed[want.Key] != want {
				t.Errorf("changed is %+v, want %+v in it", got.Changed, want)
			}
		}
		if _, told := changed["pool.min_size"]; told {
			t.Errorf("changed is %+v, want no setting that is as before", got.Changed)
		}
	})
}

func TestTheLastTenChangesAreKept(t *testing.T) {
	client := newClient(t, backend{Factory: &wires{OnDial: dialWire}}, penstock.Config{})
	defer closeClient(t, client)
	for n := range 25 {
		change := client.Settings()
		change.Pool.MaxSize = n + 1
		if err := client.Reconfigure(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		all := client.Snapshot().Changes
		if want := min(n+1, 10); len(all) != want {
			t.Fatalf("%d changes are kept after %d, want %d", len(all), n+1, want)
		}
		for i, c := range all {
			if want := uint64(n + 2 - i); c.Generation != want {
				t.Fatalf("change %d is generation %d, want %d", i, c.Generation, want)
			}
		}
	}
	all := client.Snapshot().Changes
	all[0].Changed[0].New = "written"
	if got := client.Snapshot().Changes[0].Changed[0].New; got == "written" {
		t.Error("to write to the changes of a snapshot changes those of the client")
	}
}

func TestTheLastRefusedChangeIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, backend{Factory: &wires{OnDial: dialWire}}, penstock.Config{})
		defer closeClient(t, client)
		client.CountRefusedChange("file shop.yaml", errors.New("shop.yaml:3: no such setting"))
		if got := client.Snapshot().Refused; got == nil || *got != (penstock.RefusedChanges{Count: 1, At: time.Now().UTC(), By: "file shop.yaml", Why: "shop.yaml:3: no such setting"}) {
			t.Errorf("refused is %+v, want the file", got)
		}
		time.Sleep(time.Second)
		change := client.Settings()
		change.By, change.Pool.MinSize = "bob", -1
		err := client.Reconfigure(t.Context(), change)
		got := client.Snapshot()
		if r := got.Refused; r == nil || r.Count != 2 || r.By != "bob" || !r.At.Equal(time.Now()) || r.Why != err.Error() {
			t.Errorf("refused is %+v after %v by bob", r, err)
		}
		if got.Changes != nil {
			t.Errorf("changes are %+v, want none", got.Changes)
		}
	})
}

func TestAChangeOfAClosedClientIsNoRefusedOne(t *testing.T) {
	var records bytes.Buffer
	client := newClient(t, backend{Factory: &wires{OnDial: dialWire}}, penstock.Config{Logger: slog.New(slog.NewTextHandler(&records, nil))})
	closeClient(t, client)
	records.Reset()
	if err := client.Reconfigure(t.Context(), client.Settings()); !errors.Is(err, core.ErrClientClosed) || strings.Contains(err.Error(), "stay as they are") {
		t.Errorf("Reconfigure = %v after Close, want ErrClientClosed", err)
	}
	if s := client.Snapshot(); s.Refused != nil || records.Len() > 0 {
		t.Errorf("refused is %+v and the log is %q, want neither", s.Refused, records.String())
	}
}

// TestChangesAsJSON holds the names that readers of a snapshot use.
func TestChangesAsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, backend{Factory: &wires{OnDial: dialWire}}, penstock.Config{Chain: middleware.Config{Breaker: breaker.Config{FailureThreshold: 3}}})
		defer closeClient(t, client)
		change := client.Settings()
		change.By, change.Config.Chain.Breaker.FailureThreshold = "ada", 4
		if err := client.Reconfigure(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		client.CountRefusedChange("", errors.New("no"))
		body, err := json.Marshal(client.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			`"changes":[{"generation":2,"at":"2000-01-01T00:00:00Z","by":"ada","changed":[{"key":"breaker.failure_threshold","old":"3","new":"4"}`,
			`"refused_changes":{"count":1,"at":"2000-01-01T00:00:00Z","why":"no"}`,
		} {
			if !strings.Contains(string(body), want) {
				t.Errorf("a snapshot is %s, want %s in it", body, want)
			}
		}
	})
}
