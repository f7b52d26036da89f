// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"maps"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contain"
	"github.com/penstock-go/penstock/internal/errtype"
)

// A validation asks whether a connection is well while no caller works on it: a ping, or
// a check of a connection that is suspect or was idle. A check that a connection without
// any reason passes before its lease is not counted: that would cost each lease a write
// to a counter that all callers share.

// notAlive is the error type of a connection that the checker finds dead.
const notAlive = "dead"

// maxInvalid is how many error types of pings the pool tells apart.
const maxInvalid = 16

// validationState counts the validations.
type validationState struct {
	passed atomic.Uint64
	dead   atomic.Uint64 // checks that found a dead connection

	invalid map[string]uint64 // failed pings by error type; guarded by Pool.mu
}

// pinged counts a ping, which failed with an error of the given type, or with none if
// that is empty. p.mu is held.
func (s *validationState) pinged(kind string) {
	if kind == "" {
		s.passed.Add(1)
		return
	}
	if _, known := s.invalid[kind]; !known && len(s.invalid) >= maxInvalid {
		kind = errtype.Other
	}
	s.invalid[kind]++
}

// validations returns all validations, and those that failed by error type. p.mu is held.
func (s *validationState) validations() (all uint64, failed map[string]uint64) {
	failed = maps.Clone(s.invalid)
	failed[notAlive] = s.dead.Load()
	all = s.passed.Load()
	for _, n := range failed {
		all += n
	}
	return all, failed
}

// typeOf returns the type of the error of a ping, empty for nil. The error may be of a
// type of the user's, so no lock is held.
func (p *Pool[C]) typeOf(err error) string {
	if err == nil {
		return ""
	}
	errorType := errtype.Panic
	contain.Apart("ErrorType", p.panicked, func() { errorType = core.ErrorType(err) })
	return errorType
}

// tellInvalid tells the observer of a ping of e that failed. The observer may end the
// goroutine. p.mu is not held.
func (p *Pool[C]) tellInvalid(e *entry[C], started time.Time, err error) {
	if p.cfg().Observer == nil || err == nil || p.ctx.Err() != nil { // Close cuts pings short
		return
	}
	scope := core.Scope{Kind: core.ScopeValidate, Start: started, Name: p.cfg().Name, Conn: e.number}
	p.cfg().Observer.End(p.cfg().Observer.Begin(context.Background(), scope), scope, err)
}
