// SPDX-License-Identifier: Apache-2.0

package penstock

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/pool"
)

// logged is an observer that logs what an operator acts on: a circuit breaker that
// opens or closes, a health gate that shuts or opens, a pool without a free connection,
// a leak, a budget of retries that is spent, and a panic that was recovered. It logs
// nothing for an operation.
type logged struct {
	core.Observer // what else is told
	logger        *slog.Logger
	pool          string
	allowance     allowance
	endpoints     allowance // of records of endpoints that are ejected and let back in
	exhausted     allowance // of records of waits in vain, so that a storm of them leaves room for others
	budget        spent
}

// withLog returns an observer that tells observer, and logs to logger. It returns
// observer itself if there is no logger.
func withLog(observer core.Observer, logger *slog.Logger, pool string) core.Observer {
	if logger == nil {
		return observer
	}
	if observer == nil {
		observer = deaf{}
	}
	return &logged{Observer: observer, logger: logger, pool: pool, exhausted: allowance{most: 1}}
}

// Event tells the observer of e, and logs it where an operator should know.
func (l *logged) Event(ctx context.Context, e core.Event) {
	l.Observer.Event(ctx, e)
	switch e.Kind {
	case core.EventTransition:
		level, message := transitionOf(e)
		reason := slog.Attr{} // slog leaves an empty one out
		if e.Outcome != "" {
			reason = slog.String("reason", e.Outcome)
		}
		l.log(ctx, level, message, e, slog.String("breaker", e.Name), slog.String("from", e.From), slog.String("to", e.To), reason)
	case core.EventHealth:
		if e.To == health.Down {
			l.log(ctx, slog.LevelWarn, "penstock: health gate shut", e, slog.String("monitor", e.Name))
		} else {
			l.log(ctx, slog.LevelInfo, "penstock: health gate opened", e, slog.String("monitor", e.Name))
		}
	case core.EventRetryEnd:
		l.budgetSpent(ctx, e)
	case core.EventPanic:
		stack := slog.Attr{} // slog leaves an empty one out
		if p, ok := e.Err.(interface{ Stack() []byte }); ok {
			stack = slog.String("stack", string(p.Stack()))
		}
		l.log(ctx, slog.LevelError, "penstock: recovered a panic", e, slog.String("function", e.Name), stack)
	}
}

// End tells the observer of the end of s, and logs a wait for a connection that the
// caller did not cancel and that found none.
func (l *logged) End(ctx context.Context, s core.Scope, err error) {
	l.Observer.End(ctx, s, err)
	if s.Kind != core.ScopeAcquire || err == nil {
		return
	}
	e, ok := errors.AsType[*pool.AcquireError](err)
	if !ok || e.Waited == 0 || errors.Is(e.Err, context.Canceled) {
		return
	}
	l.write(ctx, &l.exhausted, slog.LevelWarn, "penstock: pool exhausted", nil,
		slog.String("error_type", e.ErrorType()), slog.Duration("waited", e.Waited), slog.Int("in_use", e.InUse), slog.Int("max", e.Max),
		slog.Int("waiting", e.Waiters), slog.String("holders", e.Holders.String()), stacks(e.Holders))
}

// stacks returns where the holders acquired their leases, as far as that is known.
func stacks(holders pool.Holders) slog.Attr {
	var all []string
	for _, h := range holders {
		if h.Stack != "" {
			all = append(all, h.Stack)
		}
	}
	if len(all) == 0 {
		return slog.Attr{} // slog leaves an empty one out
	}
	return slog.Any("stacks", all)
}

// leak logs a leak, and a leaked lease that came back after all.
func (l *logged) leak(leak pool.LeakInfo) {
	level, message := slog.LevelWarn, "penstock: connection leaked"
	if leak.Returned {
		level, message = slog.LevelInfo, "penstock: leaked connection returned"
	}
	trace := slog.Attr{}
	if leak.Trace != "" {
		trace = slog.String("trace_id", leak.Trace)
	}
	l.write(context.Background(), &l.allowance, level, message, nil, slog.String("operation", leak.Operation), slog.String("target", leak.Target),
		slog.Duration("held", leak.Held), trace, slog.String("stack", leak.Stack))
}

// forced logs that the pool was closed while callers had connections.
func (l *logged) forced(ctx context.Context, err error) {
	if e, ok := errors.AsType[*pool.CloseError](err); ok && e.Forced > 0 {
		l.write(ctx, &l.allowance, slog.LevelWarn, "penstock: pool closed by force", err,
			slog.Int("leases", e.Forced), slog.String("holders", e.Holders.String()), stacks(e.Holders))
	}
}

// TraceID returns the id of the trace that ctx belongs to, for the holders of the pool's
// connections.
func (l *logged) TraceID(ctx context.Context) string {
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		return sc.TraceID().String()
	}
	return ""
}

// transitionOf returns how a transition of a breaker is logged. A breaker that probes
// an outage goes to and fro between open and half-open, which is no news.
func transitionOf(e core.Event) (slog.Level, string) {
	switch closed := breaker.Closed.String(); {
	case e.To == breaker.HalfOpen.String(), e.From == breaker.HalfOpen.String() && e.To == breaker.Open.String():
		return slog.LevelDebug, "penstock: circuit breaker probes"
	case e.To == breaker.Open.String(), e.To == breaker.ForcedOpen.String():
		return slog.LevelWarn, "penstock: circuit breaker opened"
	case e.To == closed:
		return slog.LevelInfo, "penstock: circuit breaker closed"
	default:
		return slog.LevelInfo, "penstock: circuit breaker was set by hand"
	}
}

// log writes one record, unless there were too many just before.
func (l *logged) log(ctx context.Context, level slog.Level, message string, e core.Event, attrs ...slog.Attr) {
	l.write(ctx, &l.allowance, level, message, e.Err, attrs...)
}

func (l *logged) write(ctx context.Context, allowed *allowance, level slog.Level, message string, err error, attrs ...slog.Attr) {
	if !l.logger.Enabled(ctx, level) {
		return
	}
	left, ok := allowed.take(time.Now())
	if !ok {
		return
	}
	attrs = append(attrs, slog.String("pool", l.pool))
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		attrs = append(attrs, slog.String("trace_id", sc.TraceID().String()), slog.String("span_id", sc.SpanID().String()))
	}
	if left > 0 {
		attrs = append(attrs, slog.Int("left_out", left))
	}
	l.logger.LogAttrs(ctx, level, message, attrs...)
}

// A client logs at most logMost records in each logInterval: the breakers of many
// keys may open at once.
const (
	logMost     = 20
	logInterval = 10 * time.Second
)

// allowance bounds the records of one client. The zero value is ready to use.
type allowance struct {
	most  int        // records in each interval; zero is logMost
	mu    sync.Mutex // guards the fields below
	since time.Time  // begin of the interval
	taken int        // records in the interval
	left  int        // records left out since the last one
}

// take reports whether there may be a record now, and how many were left out before.
func (a *allowance) take(now time.Time) (left int, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.since) >= logInterval {
		a.since, a.taken = now, 0
	}
	if a.taken == cmp.Or(a.most, logMost) {
		a.left++
		return 0, false
	}
	a.taken++
	left, a.left = a.left, 0
	return left, true
}

// deaf is an observer that does nothing.
type deaf struct{}

func (deaf) Begin(ctx context.Context, _ core.Scope) context.Context { return ctx }
func (deaf) End(context.Context, core.Scope, error)                  {}
func (deaf) Event(context.Context, core.Event)                       {}
func (deaf) Ref(context.Context, core.Scope) any                     { return nil }
