// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Case is one run of a scenario.
type Case struct {
	Kind string
	Seed uint64
}

// Result is what is known of a case that has run.
type Result struct {
	Case
	// Part is the part of the fault, see [Row].
	Part string
	// Named says that a diagnosis has to name the kind.
	Named bool
	// Service is the name of the service, as in service.name and in the label job.
	Service string
	// Begin and End are the window: from the first request to the end of the last one.
	Begin, End time.Time
	// Broken is when the fault began.
	Broken time.Time
	// Before and After are the requests before and since.
	Before, After Tally
	// Control is the slowest answer within the window to a client beside the services
	// that nothing breaks.
	Control time.Duration
	// Err says why the service did not run as it should. A fault is no error.
	Err error
}

// Disturbed reports whether something else than the fault was wrong: the machine was
// too busy, or a service that was well did not answer a request at once.
func (r Result) Disturbed() bool {
	return r.Control > mostControl || !r.Before.well() || r.Kind == Healthy && !r.After.well()
}

// Options say how cases are run. OTLP and Targets are required.
type Options struct {
	// OTLP is the base URL of a collector for traces, over HTTP.
	OTLP string
	// Targets is the file of the Prometheus that scrapes the services.
	Targets *Targets
	// Ratio is the share of the traces that the services' head sampler keeps. Zero is
	// 1.
	Ratio float64
	// AtOnce is how many services run at the same time. Zero is 24.
	AtOnce int
	// Well is how long a service runs before its fault begins, and Ill how long after.
	// Zero is 8 s and 14 s.
	Well, Ill time.Duration
	// Around is how long a service is there before its first request and after its last
	// one, so that Prometheus scrapes it. Zero is 2.5 s.
	Around time.Duration
	// Logger gets the log of every service. Nil discards it.
	Logger *slog.Logger
	// Done is called with the result of each run, by several goroutines, also if the
	// case is run again. Nil calls nothing.
	Done func(Result)
}

const (
	// stagger is the time between the starts of two services.
	stagger = 120 * time.Millisecond
	// mostControl bounds Result.Control of a service that is judged. It is half the
	// limit of an attempt.
	mostControl = 250 * time.Millisecond
	// tries is how often a case is run if it was disturbed.
	tries = 3
	// closing bounds the end of a service.
	closing = 20 * time.Second
)

// Run runs the cases, and returns a result for each, in their order. A case that was
// disturbed is run again, three times in all and with half as many others each time; the
// last result counts. The error is the cause of ctx, or says which cases did not run as
// they should.
func Run(ctx context.Context, cases []Case, o Options) ([]Result, error) {
	o.Ratio, o.AtOnce = cmp.Or(o.Ratio, 1), cmp.Or(o.AtOnce, 24)
	o.Around = cmp.Or(o.Around, 2500*time.Millisecond)
	o.Well, o.Ill = cmp.Or(o.Well, 8*time.Second), cmp.Or(o.Ill, 14*time.Second)
	var (
		results = make([]Result, len(cases))
		due     []int // indices of cases
		errs    []error
	)
	for i := range cases {
		due = append(due, i)
	}
	beside, err := startControl()
	if err != nil {
		return nil, err
	}
	watched, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { beside.watch(watched) })
	defer watching.Wait()
	defer stop()
	for range tries {
		runAll(ctx, cases, due, results, beside, o)
		o.AtOnce = max(o.AtOnce/2, 1) // what the machine was too busy for has more of it
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		due = slices.DeleteFunc(due, func(i int) bool { return results[i].Err == nil && !results[i].Disturbed() })
	}
	for _, r := range results {
		if r.Err != nil {
			errs = append(errs, fmt.Errorf("%s, seed %d: %w", r.Kind, r.Seed, r.Err))
		}
	}
	return results, errors.Join(errs...)
}

// runAll runs the cases that are due, and sets their results.
func runAll(ctx context.Context, cases []Case, due []int, results []Result, beside *control, o Options) {
	var running sync.WaitGroup
	defer running.Wait()
	places := make(chan struct{}, o.AtOnce)
	for _, i := range due {
		places <- struct{}{}
		if !sleep(ctx, stagger) {
			return
		}
		running.Go(func() {
			defer func() { <-places }()
			r := run(ctx, cases[i], o)
			r.Control = beside.slowest(r.Begin, r.End)
			results[i] = r
			if o.Done != nil {
				o.Done(r)
			}
		})
	}
}

// randoms returns the random numbers of a case: for its settings and for its load.
func (c Case) randoms() (settings, load *rand.Rand) {
	h := fnv.New64a()
	h.Write([]byte(c.Kind))
	return rand.New(rand.NewPCG(h.Sum64(), c.Seed)), rand.New(rand.NewPCG(h.Sum64()+1, c.Seed))
}

// run runs one case.
func run(ctx context.Context, c Case, o Options) (result Result) {
	row, named, ok := c.row()
	result = Result{Case: c, Part: row.Part, Named: named}
	if !ok {
		result.Err = errors.New("lab: there is no such kind")
		return result
	}
	settings, load := c.randoms()
	// The name differs between two runs of a case against the same servers.
	result.Service = fmt.Sprintf("svc-%06x", rand.Uint32N(1<<24))
	t, err := startTelemetry(ctx, result.Service, o.OTLP, o.Ratio)
	if err != nil {
		result.Err = err
		return result
	}
	s := newService(settings)
	s.Client.Logger = o.Logger
	breaks := row.Scenario(s)
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
		defer cancel()
		result.Err = errors.Join(result.Err, o.Targets.Remove(result.Service), s.close(ctx), t.close(ctx))
	}()
	if err := s.start(ctx, t); err != nil {
		result.Err = err
		return result
	}
	if err := o.Targets.Add(result.Service, t.addr); err != nil {
		result.Err = err
		return result
	}
	if !sleep(ctx, o.Around) {
		return result
	}
	s.live(ctx, &result, load, breaks, o)
	sleep(ctx, o.Around)
	return result
}

// live sends the load, and breaks the service in the midst of it.
func (s *Service) live(ctx context.Context, result *Result, load *rand.Rand, breaks func(context.Context), o Options) {
	var (
		before, after counts
		now           atomic.Pointer[counts]
		ended         sync.WaitGroup
	)
	now.Store(&before)
	ctx, stop := context.WithTimeout(ctx, o.Well+o.Ill)
	defer stop()
	result.Begin = time.Now()
	ended.Go(func() { s.drive(ctx, load, now.Load) })
	sleep(ctx, o.Well)
	result.Broken = time.Now()
	now.Store(&after)
	if breaks != nil {
		ended.Go(func() { breaks(ctx) })
	}
	ended.Wait()
	result.End = time.Now()
	result.Before, result.After = before.tally(), after.tally()
}

// sleep waits for d. It returns false if ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Plan returns each kind with the seeds from first on, runs of each.
func Plan(kinds []string, first uint64, runs int) []Case {
	var cases []Case
	for seed := first; seed < first+uint64(runs); seed++ {
		for _, k := range kinds {
			cases = append(cases, Case{k, seed})
		}
	}
	return cases
}
