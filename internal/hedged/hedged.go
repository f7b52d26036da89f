// SPDX-License-Identifier: Apache-2.0

// Package hedged tells telemetry which end of two runs the caller of a hedged operation
// saw: the caller made one operation.
package hedged

import (
	"sync"
	"time"
)

// Key is the key under which the context of a run has its [Pair].
type Key struct{}

// What became of a run.
const (
	Won     = "won"     // its answer was used
	Lost    = "lost"    // the other run had answered before
	Failed  = "failed"  // it got no answer
	Refused = "refused" // the budget or a stage refused the second run
)

// Pair is the two runs of one operation. It is safe for concurrent use.
type Pair struct {
	mu      sync.Mutex // guards the fields below
	begun   bool       // there is a second run
	refused bool       // the budget refused the second run
	held    bool       // the first run failed, and the end of the second one is the operation's
	runs    [2]ended   // the first run and the second
}

// ended is the end of a run.
type ended struct {
	over, answered bool // answered runs are over
	err            error
	start          time.Time
}

// Begin says that the second run begins.
func (p *Pair) Begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun = true
}

// Refuse says that the budget refused the second run.
func (p *Pair) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = true
}

// Run is the end of one run.
type Run struct {
	Second   bool
	Start    time.Time
	Err      error
	Answered bool // with a result, or with an error that is an answer
	Refused  bool // a stage refused the run
}

// Seen is what the end of a run is for the caller.
type Seen struct {
	Outcome string // of the run; "" if there was no second run
	// Unseen says that the operation ends with the other run. Otherwise the operation
	// began at Start and ended with Err now, and Answered says that Err is an answer.
	Unseen   bool
	Start    time.Time
	Err      error
	Answered bool
}

// End notes the end of a run, and returns what it is for the caller.
func (p *Pair) End(r Run) Seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	own, other := 0, 1
	if r.Second {
		own, other = 1, 0
	}
	p.runs[own] = ended{over: true, answered: r.Answered, err: r.Err, start: r.Start}
	seen := Seen{Outcome: Failed, Start: r.Start, Err: r.Err, Answered: r.Answered && r.Err != nil}
	switch first := p.runs[0]; {
	case p.runs[other].answered:
		seen.Outcome, seen.Err = Lost, p.runs[other].err
		seen.Unseen, seen.Answered = r.Second, seen.Err != nil
	case !r.Second:
		p.held = p.begun && !p.runs[1].over && !r.Answered
		seen.Unseen = p.held
		switch {
		case !p.begun && p.refused:
			seen.Outcome = Refused
		case !p.begun:
			seen.Outcome = ""
		case r.Answered:
			seen.Outcome = Won
		}
	case r.Answered:
		seen.Outcome, seen.Unseen = Won, !p.held
		seen.Start = first.start
	default:
		seen.Unseen, seen.Start, seen.Err = !p.held, first.start, first.err
		if r.Refused {
			seen.Outcome = Refused
		}
	}
	return seen
}

// Lost reports whether a run that is under way has lost: the other one has answered.
func (p *Pair) Lost(second bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if second {
		return p.runs[0].answered
	}
	return p.runs[1].answered
}
