// SPDX-License-Identifier: Apache-2.0

package catalog_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	catalog "github.com/penstock-go/penstock/examples/testing"
	"github.com/penstock-go/penstock/middleware/breaker"
)

// A client with its defaults waits for seconds between attempts, and for half a minute
// before an open breaker lets a probe through. In a bubble these waits take no time. A
// goroutine that is left behind fails the test.
func TestTheCatalogOutlastsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &conn{}
		factory := &coretest.Factory[*conn]{OnPing: fake.ping, OnDial: func(context.Context, int) (*conn, error) { return fake, nil }}
		var recorder coretest.Recorder
		client, err := penstock.Open(t.Context(), penstock.Backend[*conn]{Factory: factory}, penstock.Config{Observer: &recorder})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close(context.Background())
		docs := catalog.New(client, "docs")
		has := func() (fresh bool) {
			has, fresh, err := docs.Has(t.Context())
			if err == nil && !has {
				t.Error("the collection is gone")
			}
			return fresh
		}
		if !has() {
			t.Fatal("the first answer is not fresh")
		}

		fake.set(errors.New("connection reset"))
		for client.Breaker().State() == breaker.Closed {
			has() // fails, after all attempts
		}
		dials := factory.Dials()
		if has() || factory.Dials() != dials {
			t.Errorf("with an open breaker the answer is fresh, or the backend was asked")
		}

		fake.set(nil)
		time.Sleep(time.Minute)
		if !has() {
			t.Error("the answer is not fresh a minute after the outage")
		}
		// The recorder has what telemetry was told.
		if rejected := recorder.Events(core.EventReject); len(rejected) == 0 {
			t.Error("telemetry was not told of a rejection")
		}
	})
}
