// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"time"
)

// Observer is told what happens, and turns it into telemetry. The packages that
// tell it know no telemetry library. A nil Observer disables telemetry.
//
// The methods are called concurrently and must not block. A panic in one of them is
// recovered, see [Contained].
type Observer interface {
	// Begin says that s begins. The returned context is used for everything
	// inside s, and carries what the Observer needs there.
	Begin(ctx context.Context, s Scope) context.Context
	// End says that s is over. ctx is the context that Begin returned, and s is
	// the scope that Begin was given, with Answered and Rejected set where they hold.
	End(ctx context.Context, s Scope, err error)
	// Event says that something happened at one instant. ctx is the context of
	// the scope in which it happened.
	Event(ctx context.Context, e Event)
	// Ref returns an opaque reference to the operation that ctx belongs to, or
	// nil. It can be kept and put into a later Event or Scope, so that an
	// effect can point at its cause. s is the scope of the operation, with its Op,
	// Start and State. The caller leaves s empty if it does not know the operation, and
	// Start is zero outside of the operation's scope.
	Ref(ctx context.Context, s Scope) any
}

// Scope is a stretch of time with a begin and an end.
type Scope struct {
	Kind ScopeKind
	// Op is the operation, in scopes that belong to one.
	Op Op
	// Attempt is the number of the attempt, from 1.
	Attempt int
	// Start is when the scope began.
	Start time.Time
	// Delay is the backoff that went before an attempt.
	Delay time.Duration
	// Name names the pool or the health monitor, in scopes that belong to one.
	Name string
	// Ref refers to the operation that caused a scope outside of itself, see
	// [Observer.Ref].
	Ref any
	// Cause is the error of the attempt before (ScopeAttempt).
	Cause error
	// Answered says, at the end of an operation or an attempt, that its error is an
	// answer of the backend and no failure, see [Outcome.Answered].
	Answered bool
	// Rejected says, at the end of an operation, that this process refused it before any
	// attempt held a connection.
	Rejected bool
	// Conn is, at the end of an operation or an attempt, the number of the connection
	// that its last work ran on, see [Lender]. It is the number of the connection that was
	// pinged at the end of a validation. Zero is none or not known.
	Conn int
	// Note is, at the end of an operation or an attempt, what the adapter of the
	// backend said of the last work. Nil if it said nothing.
	Note any
	// Annotations is, at the end of an operation or an attempt, what the function of the
	// operation said of its last run, in the form of the observer's own package. Nil if
	// it said nothing.
	Annotations any
	// Hedge is, at the end of a run of a hedged operation, what became of the run: "won"
	// (its answer was used), "lost" (the other run had answered before), "failed", or
	// "refused" (the second run: by a stage; the first run: the budget refused the second).
	// It is empty if there was no second run. At the end of an attempt it is "lost" or
	// empty.
	//
	// The caller made one operation. Unseen says that the operation ends with the other
	// run. Otherwise the operation began at SeenSince and ended with the error Seen, and
	// Answered is about Seen. All of that holds if Hedge is not empty.
	Hedge     string
	Unseen    bool
	SeenSince time.Time
	Seen      error
	// Deadline is, at the end of an operation that failed, the deadline of the caller's
	// context, zero without one. AttemptLimit and OperationLimit are then the client's own
	// limits that were in force, zero without one, or if no attempt got so far.
	Deadline                     time.Time
	AttemptLimit, OperationLimit time.Duration
	// State is a variable for the Observer, one for each operation: nil when the
	// operation begins, and the same variable in all scopes and events of the
	// operation. The Observer must not use it after the operation's End. The pointer is
	// nil outside of an operation.
	State *any
}

// ScopeKind says what a [Scope] covers.
type ScopeKind uint8

const (
	// ScopeOperation is one logical call with all its attempts.
	ScopeOperation ScopeKind = iota
	// ScopeAttempt is one attempt, from the second on.
	ScopeAttempt
	// ScopeAcquire is a wait for a connection; a lease without a wait has none.
	ScopeAcquire
	// ScopeConnect is the making of a connection.
	ScopeConnect
	// ScopeProbe is a health probe.
	ScopeProbe
	// ScopeValidate is a ping of an idle connection that failed. It is told afterwards.
	ScopeValidate
)

// String returns the name of the kind in lower case.
func (k ScopeKind) String() string {
	return nameOf(int(k), "operation", "attempt", "acquire", "connect", "probe", "validate")
}

// Event is something that happened at one instant. Which fields are set
// depends on the kind.
type Event struct {
	Kind EventKind
	// Name names the stage, breaker or pool that it happened to, or the function
	// that panicked (EventPanic).
	Name string
	// Op is the operation, where there is one.
	Op Op
	// Attempt is the attempt that ended (EventRetry), or how many there were
	// (EventRetryEnd).
	Attempt int
	// Conn is the number of the connection that the attempt was on (EventRetry), see
	// [Lender]. Zero is none or not known.
	Conn int
	// Delay is the backoff that follows (EventRetry), how long all backoffs were
	// together (EventRetryEnd), when to come back (EventReject), or how long the
	// operation waited (EventWait).
	Delay time.Duration
	// Limit is the limit that was exceeded (EventTimeout).
	Limit time.Duration
	// From and To are states (EventTransition, EventHealth). From is also the
	// state of the breaker that refused (EventReject).
	From, To string
	// Outcome says how the retries ended (EventRetryEnd), what was limited: "attempt" or
	// "operation" (EventTimeout), or why an open breaker became half-open:
	// "recovery_timeout", or "health_probe" if the backend answered a probe before that
	// (EventTransition).
	Outcome string
	// Err is the error behind it. The error of an EventPanic has a method
	// Stack() []byte.
	Err error
	// Ref is the operation that caused it, see [Observer.Ref].
	Ref any
	// State is the variable of the operation for the Observer, see [Scope].
	State *any

	// The fields below say what is behind a refusal (EventReject). The error of the
	// refusal fills them in, if it or an error that it wraps has a method
	// Explain(*Event). Transitions of breakers and health gates have the first five, too.

	// Cause is the error that opened the breaker or shut the health gate, CausedAt when,
	// and Reopened how often the breaker has opened again since then, because a probe
	// failed.
	Cause    error
	CausedAt time.Time
	Reopened int
	// ProbedAt is when the last probe of the backend ended since CausedAt, and Probe is
	// its error, nil if the probe succeeded. ProbedAt is zero if none has ended.
	Probe    error
	ProbedAt time.Time
	// MaxConcurrent is how many operations the bulkhead that refused lets run at once,
	// and Rate how many operations the limiter that refused lets start in a second.
	MaxConcurrent int
	Rate          float64
}

// EventKind says what happened.
type EventKind uint8

const (
	// EventRetry: an attempt failed, and another one is due after the backoff. If
	// that one is made, it begins a ScopeAttempt.
	EventRetry EventKind = iota
	// EventRetryEnd: an operation in which an attempt failed is over.
	EventRetryEnd
	// EventReject: a stage refused the operation or the attempt.
	EventReject
	// EventTransition: a breaker went from one state to another.
	EventTransition
	// EventTimeout: a limit of our own ended an attempt or the operation.
	EventTimeout
	// EventHealth: a health gate went from one state to another.
	EventHealth
	// EventWait: a stage or the source of connections made the operation wait, in vain
	// or not; Name is the name of the stage, or "pool". It is told after the wait, and
	// before what the wait came to. A pool tells of its waits as a [ScopeAcquire], too.
	EventWait
	// EventPanic: a function of the user, other than the work, panicked or called
	// runtime.Goexit. The panic was recovered.
	EventPanic
)

// String returns the name of the kind in lower case.
func (k EventKind) String() string {
	return nameOf(int(k), "retry", "retry_end", "reject", "transition", "timeout", "health", "wait", "panic")
}

func nameOf(i int, names ...string) string {
	if 0 <= i && i < len(names) {
		return names[i]
	}
	return "unknown"
}
