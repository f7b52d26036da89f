// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/endpoint"
)

// failAt runs an operation that fails after d, and returns where, and its verdict.
func failAt(t *testing.T, c *core.Client[*conn], d time.Duration) (address string, verdict core.Verdict) {
	t.Helper()
	_, err := core.Do(t.Context(), c, search, func(_ context.Context, conn *conn) (int, error) {
		time.Sleep(d)
		address = conn.at.address
		return 0, errDown
	})
	e, ok := errors.AsType[*core.Error](err)
	if !ok {
		t.Fatalf("Do = %v, want a *core.Error", err)
	}
	return address, e.Outcome.Verdict
}

func TestAFailureOnAnEndpointThatWasEjectedBeforeIsNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		lb, held := b.full(t, endpoint.Config[*conn]{Detection: endpoint.Detection{BaseEjection: time.Hour, MaxEjection: time.Hour}})
		failOnce := func(address string) {
			held[address][0].Return(core.Keep, errDown)
			lease, err := lb.Acquire(t.Context())
			if err != nil || lease.Conn().at.address != address {
				t.Fatalf("Acquire = %v, want the place at %s that is free", err, address)
			}
			held[address][0] = lease
		}
		for range 4 {
			failOnce("a:1")
		}
		failOnce("b:1")
		failOnce("c:1")
		held["a:1"][0].Return(core.Keep, errDown) // the fifth in a row
		if s := state(t, lb, "a:1"); s != endpoint.Ejected {
			t.Fatalf("the endpoint is %s, want ejected", s)
		}
		if at, verdict := failAt(t, client(t, lb), 0); at != "a:1" || verdict != core.Failure {
			t.Errorf("an operation at %s has the verdict %v, want a failure at a:1: the others are full, and in doubt", at, verdict)
		}
		held["a:1"][1].Release()
		for _, address := range three[1:] {
			held[address][0].Release()
			held[address][1].Release()
		}
	})
}

func TestAFailureOnTheOnlyEndpointIsNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		lb := b.open(t, endpoint.Config[*conn]{Addresses: three[:1], Detection: endpoint.Detection{ConsecutiveFailures: 1}})
		keeps := core.Class{Verdict: core.Failure, Conn: core.Keep} // two failures on one broken connection would be one
		c, err := core.NewClient(core.ClientConfig[*conn]{Source: lb, Classifier: func(error) core.Class { return keeps }})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan core.Verdict)
		go func() {
			_, verdict := failAt(t, c, 10*time.Second)
			done <- verdict
		}()
		time.Sleep(time.Second)
		_, _ = failAt(t, c, 0)
		if s := state(t, lb, "a:1"); s != endpoint.Ejected {
			t.Fatalf("the endpoint is %s, want ejected", s)
		}
		time.Sleep(5 * time.Second)
		if s := state(t, lb, "a:1"); s != endpoint.In {
			t.Fatalf("the endpoint is %s, want in", s)
		}
		if verdict := <-done; verdict != core.Failure {
			t.Errorf("the operation that began before has the verdict %v, want a failure", verdict)
		}
		time.Sleep(time.Minute)
	})
}
