// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
)

// Quota says how many operations each tenant may start. All fields are required.
type Quota struct {
	Rate       float64 // operations in a second, in the long run
	Burst      int     // operations at once after a pause
	MaxTenants int     // tenants with a count of their own; the others share one
}

// NewQuota returns a stage that refuses the operations of a tenant beyond its quota.
func NewQuota(q Quota) (middleware.Stage, error) {
	if !(q.Rate > 0) || q.Burst < 1 || q.MaxTenants < 1 {
		return middleware.Stage{}, fmt.Errorf("quota: Rate is %v, Burst %d and MaxTenants %d: set all three above 0", q.Rate, q.Burst, q.MaxTenants)
	}
	counts := &counts{quota: q, known: map[string]*rate.Limiter{}, others: q.limiter()}
	text := fmt.Sprintf("%v operations per second of each tenant, %d at once; the rest are refused", q.Rate, q.Burst)
	return middleware.Stage{Name: "quota", Description: text, Middleware: func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			tenant := TenantOf(ctx)
			if wait := counts.take(tenant, time.Now()); wait > 0 {
				return &QuotaError{tenant, wait}
			}
			return next(ctx, call)
		}
	}}, nil
}

func (q Quota) limiter() *rate.Limiter { return rate.NewLimiter(rate.Limit(q.Rate), q.Burst) }

// QuotaError refuses an operation. It wraps [core.ErrRejected], so it neither counts
// against the backend nor is worth a retry.
type QuotaError struct {
	Tenant     string
	RetryAfter time.Duration // when the tenant may start the next operation
}

func (e *QuotaError) Error() string {
	return fmt.Sprintf("tenant %q is over its quota: come back in %v", e.Tenant, e.RetryAfter.Round(time.Millisecond))
}

// ErrorType is the error.type in spans and metrics.
func (e *QuotaError) ErrorType() string { return "tenant_quota" }

// Unwrap says that the backend was not reached.
func (e *QuotaError) Unwrap() error { return core.ErrRejected }

type tenantKey struct{}

// WithTenant returns a context whose operations are counted for the tenant.
func WithTenant(ctx context.Context, tenant string) context.Context {
	return context.WithValue(ctx, tenantKey{}, tenant)
}

// TenantOf returns the tenant of a context, "" if it has none.
func TenantOf(ctx context.Context) string {
	tenant, _ := ctx.Value(tenantKey{}).(string)
	return tenant
}

// counts has a limiter for each tenant. Tenants come with requests, so there may be any
// number of them.
type counts struct {
	quota  Quota
	others *rate.Limiter // of tenants that are not known

	mu     sync.Mutex // guards all below
	known  map[string]*rate.Limiter
	forgot time.Time // when limiters were last forgotten
}

// take counts an operation of the tenant. The result is how long the tenant has to wait
// before the next one, zero if this one may start.
func (c *counts) take(tenant string, now time.Time) time.Duration {
	r := c.limiter(tenant, now).ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

func (c *counts) limiter(tenant string, now time.Time) *rate.Limiter {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.known[tenant]; l != nil {
		return l
	}
	// A limiter with all its tokens knows nothing that a new one would not. Looking for
	// them once a second bounds what a flood of new tenants costs.
	if len(c.known) >= c.quota.MaxTenants && now.Sub(c.forgot) >= time.Second {
		c.forgot = now
		maps.DeleteFunc(c.known, func(_ string, l *rate.Limiter) bool { return l.TokensAt(now) >= float64(c.quota.Burst) })
	}
	if len(c.known) >= c.quota.MaxTenants {
		return c.others
	}
	c.known[tenant] = c.quota.limiter()
	return c.known[tenant]
}
