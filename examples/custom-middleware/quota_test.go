// SPDX-License-Identifier: Apache-2.0

package main_test

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
	stages "github.com/penstock-go/penstock/examples/custom-middleware"
)

// quota returns the stage's middleware.
func quota(t *testing.T, q stages.Quota) core.Middleware {
	t.Helper()
	stage, err := stages.NewQuota(q)
	if err != nil {
		t.Fatal(err)
	}
	return stage.Middleware
}

// asking returns a function that runs an operation of a tenant, on a client with no
// other stage than the quota.
func asking(t *testing.T, q stages.Quota) func(tenant string) error {
	t.Helper()
	client, err := core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Middleware: quota(t, q)})
	if err != nil {
		t.Fatal(err)
	}
	return func(tenant string) error {
		_, err := core.Do(stages.WithTenant(t.Context(), tenant), client, core.Op{Name: "Ask"},
			func(context.Context, int) (struct{}, error) { return struct{}{}, nil })
		return err
	}
}

func TestTheQuotaKeepsTheContractOfAMiddleware(t *testing.T) {
	coretest.TestMiddleware(t, func() core.Middleware {
		return quota(t, stages.Quota{Rate: 1e6, Burst: 1e6, MaxTenants: 10})
	})
}

func TestATenantIsRefusedAloneAndUntilItsNextToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ask := asking(t, stages.Quota{Rate: 0.5, Burst: 2, MaxTenants: 10})
		for range 2 {
			if err := ask("red"); err != nil {
				t.Fatalf("within the quota: %v", err)
			}
		}
		err := ask("red")
		refused, ok := errors.AsType[*stages.QuotaError](err)
		if !ok || !errors.Is(err, core.ErrRejected) || refused.RetryAfter != 2*time.Second || core.ErrorType(err) != "tenant_quota" {
			t.Errorf("the third of red = %v (%s), want a rejection of 2 s", err, core.ErrorType(err))
		}
		if err := ask("blue"); err != nil {
			t.Errorf("blue = %v, want nil", err)
		}
		time.Sleep(2*time.Second - time.Nanosecond)
		if err := ask("red"); err == nil {
			t.Error("red passed before its next token")
		}
		time.Sleep(time.Nanosecond)
		if err := ask("red"); err != nil {
			t.Errorf("red after the wait = %v, want nil", err)
		}
	})
}

// Tenants beyond the limit share a count, until one of the others has all its tokens.
func TestTheNumberOfTenantsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ask := asking(t, stages.Quota{Rate: 0.01, Burst: 1, MaxTenants: 10})
		passed := 0
		for n := range 1000 {
			if ask(fmt.Sprint("tenant ", n)) == nil {
				passed++
			}
		}
		if passed != 11 {
			t.Errorf("%d tenants passed, want 10 and the first of the others", passed)
		}
		time.Sleep(100 * time.Second)
		for n := 500; n < 510; n++ {
			if err := ask(fmt.Sprint("tenant ", n)); err != nil {
				t.Errorf("tenant %d after the others had their tokens back: %v", n, err)
			}
		}
	})
}

func TestAQuotaOfNothingIsRefused(t *testing.T) {
	for _, q := range []stages.Quota{{}, {Rate: 1, Burst: 1}, {Rate: -1, Burst: 1, MaxTenants: 1}, {Rate: 1, MaxTenants: 1}} {
		if _, err := stages.NewQuota(q); err == nil || !strings.Contains(err.Error(), "set all three above 0") {
			t.Errorf("NewQuota(%+v) = %v, want an error that says what to set", q, err)
		}
	}
}
