// SPDX-License-Identifier: Apache-2.0

package coretest

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Phase is a stretch of a [Scenario] in which the backend behaves in one way.
type Phase struct {
	// Name is written into the transcript.
	Name string
	// For is how long the phase lasts. The last one lasts for ever.
	For time.Duration
	// Latency is how long the backend works on a request.
	Latency time.Duration
	// Capacity is how many requests it works on at once. Others wait, first
	// come, first served. Zero is no limit.
	Capacity int
	// Err is what requests are answered with once they were worked on.
	Err error
	// Hang leaves requests without an answer: they end with their context.
	Hang bool
	// Refuse, if set, is what requests and dials get at once.
	Refuse error
}

// Scenario is a scripted backend and the load on it, in virtual time. It must be
// made and used in a bubble of [testing/synctest]. Its methods are safe for
// concurrent use.
//
// As long as what is tested uses no random numbers, its transcript is the same in
// every run: [Scenario.Run] sees to it that no two operations start at the same
// instant, or an even time apart.
type Scenario struct {
	start  time.Time
	phases []Phase

	mu      sync.Mutex // guards what follows
	busy    int        // requests that are worked on
	waiting []*request
	steps   []Step
	notes   []note
}

// Step sums up one second of a [Scenario].
type Step struct {
	Phase     string // at its begin
	Started   int    // operations that started
	Succeeded int    // operations that ended in it without an error
	Failed    int    // that ended with an error
	Rejected  int    // that ended with a core.ErrRejected; they are not among Failed
	Requests  int    // that reached the backend, refused ones and those that hang included
	Wasted    int    // requests that the backend finished when the caller had gone
}

const stepLength = time.Second

// NewScenario returns a scenario that begins now. Without phases, the backend
// answers every request at once.
func NewScenario(phases ...Phase) *Scenario {
	s := &Scenario{start: time.Now(), phases: slices.Clone(phases)}
	if len(phases) == 0 {
		s.phases = []Phase{{}}
	}
	var at time.Duration
	for _, p := range s.phases[:len(s.phases)-1] {
		at += p.For
		time.AfterFunc(at, s.next) // there may be more capacity from then on
	}
	return s
}

// phase returns the phase that it is now.
func (s *Scenario) phase() Phase { return s.phaseAt(time.Since(s.start)) }

func (s *Scenario) phaseAt(at time.Duration) Phase {
	for _, p := range s.phases[:len(s.phases)-1] {
		if at -= p.For; at < 0 {
			return p
		}
	}
	return s.phases[len(s.phases)-1]
}

// request is one that waits or is worked on.
type request struct {
	answer chan error
	gone   bool // the caller is; guarded by the scenario's mu
}

// Request is a request to the backend. It returns the backend's answer, or
// ctx's error if that ends first. The backend does not notice that a caller has
// gone: a request that waits is worked on when it is its turn, like that of a
// server which does not see that the other side hung up.
func (s *Scenario) Request(ctx context.Context) error {
	phase := s.phase()
	s.count(func(step *Step) { step.Requests++ })
	if phase.Refuse != nil {
		return phase.Refuse
	}
	if phase.Hang {
		<-ctx.Done()
		return ctx.Err()
	}
	r := &request{answer: make(chan error, 1)}
	s.mu.Lock()
	s.waiting = append(s.waiting, r)
	s.mu.Unlock()
	s.next()
	select {
	case err := <-r.answer:
		return err
	case <-ctx.Done():
		s.mu.Lock()
		r.gone = true
		s.mu.Unlock()
		return ctx.Err()
	}
}

// Dial is the making of a connection: it takes no time, but is refused or hangs
// when requests are or do.
func (s *Scenario) Dial(ctx context.Context) error {
	phase := s.phase()
	if phase.Hang && phase.Refuse == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	return phase.Refuse
}

// next begins the work on the requests whose turn it is.
func (s *Scenario) next() {
	phase := s.phase()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.waiting) > 0 && (phase.Capacity == 0 || s.busy < phase.Capacity) {
		r := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.busy++
		time.AfterFunc(phase.Latency, func() { s.done(r, phase.Err) })
	}
}

func (s *Scenario) done(r *request, err error) {
	r.answer <- err
	s.mu.Lock()
	s.busy--
	gone := r.gone
	s.mu.Unlock()
	if gone {
		s.count(func(step *Step) { step.Wasted++ })
	}
	s.next()
}

// Run starts an operation each interval for the given time, whether or not
// earlier ones are over, and returns when all are. That is how the users of a
// service behave who do not know of each other: they do not come more slowly
// because it is slow.
func (s *Scenario) Run(every, lasting time.Duration, operation func(context.Context) error) {
	var wg sync.WaitGroup
	begin := time.Now()
	for n := 0; time.Duration(n)*every < lasting; n++ {
		// The multiples of the golden ratio are spread evenly and never meet.
		_, part := math.Modf(float64(n) * math.Phi)
		at := time.Duration(n)*every + time.Duration(part*float64(every/2))
		time.Sleep(at - time.Since(begin))
		s.count(func(step *Step) { step.Started++ })
		wg.Go(func() {
			err := operation(context.Background())
			s.count(func(step *Step) {
				switch {
				case err == nil:
					step.Succeeded++
				case errors.Is(err, core.ErrRejected):
					step.Rejected++
				default:
					step.Failed++
				}
			})
		})
	}
	wg.Wait()
}

// count changes the present step.
func (s *Scenario) count(change func(*Step)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.step())
}

// step returns the present step, and makes those before it. The caller holds mu.
func (s *Scenario) step() *Step {
	n := int(time.Since(s.start) / stepLength)
	for len(s.steps) <= n {
		at := time.Duration(len(s.steps)) * stepLength
		s.steps = append(s.steps, Step{Phase: s.phaseAt(at).Name})
	}
	return &s.steps[n]
}
