// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"time"
)

// Observer is told what happens, and turns it into telemetry. It is the only
// way out for it: the packages below know no telemetry library. A nil Observer
// means that nobody listens.
//
// Its methods are called concurrently, must not block, must not panic, and
// must not call back into the client or pool that calls them.
type Observer interface {
	// Begin says that s begins. The returned context, which carries whatever
	// the Observer wants to find again, is used for everything inside s.
	Begin(ctx context.Context, s Scope) context.Context
	// End says that s, given as it was to Begin, is over. ctx is the one that
	// Begin returned.
	End(ctx context.Context, s Scope, err error)
	// Event says that something happened at one instant. ctx is that of the
	// scope it happened in.
	Event(ctx context.Context, e Event)
	// Ref returns an opaque reference to the operation that ctx belongs to, or
	// nil. It can be kept and put into a later Event or Scope, so that an
	// effect can point at its cause.
	Ref(ctx context.Context) any
}

// Scope is a stretch of time with a begin and an end.
type Scope struct {
	Kind Kind
	// Op is the operation, in scopes that belong to one.
	Op Op
	// Attempt is the number of the attempt, from 1.
	Attempt int
	// Start is when the scope began.
	Start time.Time
	// Delay is the backoff that went before an attempt.
	Delay time.Duration
	// Source names the pool, in scopes that belong to one.
	Source string
	// Ref is the operation that gave rise to a scope which does not belong to
	// it, see [Observer.Ref].
	Ref any
}

// Kind says what a [Scope] covers.
type Kind uint8

const (
	// KindOperation is one logical call with all its attempts.
	KindOperation Kind = iota
	// KindAttempt is one attempt, from the second on.
	KindAttempt
	// KindAcquire is a wait for a connection; a loan without a wait has none.
	KindAcquire
	// KindConnect is the making of a connection.
	KindConnect
	// KindProbe is a health probe.
	KindProbe
)

// String returns the name of the kind in lower case.
func (k Kind) String() string {
	return nameOf(int(k), "operation", "attempt", "acquire", "connect", "probe")
}

// Event is something that happened at one instant. Which fields are set
// depends on the kind.
type Event struct {
	Kind EventKind
	// Source names the stage, breaker or pool that it happened to.
	Source string
	// Op is the operation, where there is one.
	Op Op
	// Attempt is the attempt that ended (EventRetry), or how many there were
	// (EventRetryEnd).
	Attempt int
	// Delay is the backoff that follows (EventRetry), or when to come back
	// (EventReject).
	Delay time.Duration
	// Limit is the limit that was exceeded (EventTimeout).
	Limit time.Duration
	// From and To are states (EventMove, EventHealth); From is also the state of
	// the breaker that refused (EventReject).
	From, To string
	// Outcome says how it ended: of the retries (EventRetryEnd), or the scope
	// of the limit (EventTimeout).
	Outcome string
	// Err is the error behind it.
	Err error
	// Ref is the operation that caused it, see [Observer.Ref].
	Ref any
}

// EventKind says what happened.
type EventKind uint8

const (
	// EventRetry: an attempt failed and another one will follow.
	EventRetry EventKind = iota
	// EventRetryEnd: an operation in which an attempt failed is over.
	EventRetryEnd
	// EventReject: a stage refused the operation or the attempt.
	EventReject
	// EventMove: a breaker moved from one state to another.
	EventMove
	// EventTimeout: a limit of our own ended an attempt or the operation.
	EventTimeout
	// EventHealth: a health gate moved from one state to another.
	EventHealth
)

// String returns the name of the kind in lower case.
func (k EventKind) String() string {
	return nameOf(int(k), "retry", "retry_end", "reject", "move", "timeout", "health")
}

func nameOf(i int, names ...string) string {
	if i < len(names) {
		return names[i]
	}
	return "unknown"
}
