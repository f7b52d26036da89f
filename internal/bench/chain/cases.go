// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/penstock-go/penstock/internal/bench/internal/measure"
	"github.com/penstock-go/penstock/internal/bench/internal/report"
)

// benchCase is what all its subjects do.
type benchCase struct {
	name  string
	what  string
	setup setup
	// within returns the caller's context. Nil is one with a deadline.
	within   func() (context.Context, context.CancelFunc)
	parallel bool // a caller for each processor, instead of one
	self     maker
	peers    []maker
	goals    []goal
}

// goal is what the design asks of a case. One of the limits is set.
type goal struct {
	peer   string
	faster float64 // the peer's time divided by Penstock's is at least this
	slower float64 // Penstock's time divided by the peer's is at most this
	allocs float64 // Penstock's allocations are at most this
}

const (
	deadline = time.Hour     // of the callers that have one
	longer   = 2 * time.Hour // a limit of attempts that the deadline makes superfluous
	usual    = 10 * time.Second
)

func withDeadline() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), deadline)
}

func withoutDeadline() (context.Context, context.CancelFunc) {
	return context.Background(), func() {}
}

func withinUnsampled() (context.Context, context.CancelFunc) {
	ctx, cancel := withDeadline()
	return unsampled(ctx), cancel
}

var benchCases = []benchCase{
	{
		name: "deadline", what: "five stages, telemetry off; the caller's deadline bounds the attempt",
		setup: setup{work: answer, limit: longer},
		self:  penstockMaker, peers: slices.Concat(chainPeers, []maker{untimedMaker}),
		goals: []goal{{peer: "failsafe-go", faster: 10}, {allocs: 1}},
	},
	{
		name: "timeout-context", what: "the same without a deadline of the caller: the limit of an attempt takes a context",
		setup: setup{work: answer, limit: usual}, within: withoutDeadline,
		self: penstockMaker, peers: chainPeers,
		goals: []goal{{peer: "failsafe-go", faster: 2.5}, {allocs: 5}},
	},
	{
		name: "no-stages", what: "a client without a stage, beside what it cannot do without",
		setup: setup{work: answer},
		self:  stagelessMaker, peers: []maker{partsMaker},
		goals: []goal{{peer: "parts", slower: 1.5}, {allocs: 1}},
	},
	{
		name: "sampled", what: "five stages and OpenTelemetry's SDK, every operation sampled",
		setup: setup{work: answer, limit: longer, telemetry: sdk},
		self:  penstockMaker, peers: []maker{handMaker},
		goals: []goal{{peer: "by-hand", slower: 1.25}},
	},
	{
		name: "unsampled", what: "the same within a span that is not sampled",
		setup: setup{work: answer, limit: longer, telemetry: sdk}, within: withinUnsampled,
		self: penstockMaker, peers: []maker{handMaker},
		goals: []goal{{peer: "by-hand", slower: 1}},
	},
	{
		name: "noop", what: "the same with OpenTelemetry's no-op providers",
		setup: setup{work: answer, limit: longer, telemetry: noop},
		self:  penstockMaker, peers: []maker{handMaker},
	},
	{
		name: "parallel", what: "deadline with a caller for each processor",
		setup: setup{work: answer, limit: longer}, parallel: true,
		self: penstockMaker, peers: chainPeers,
	},
	{
		name: "failure", what: "deadline where each operation gets an answer that is an error, such as not found",
		setup: setup{work: notFound, limit: longer, fails: true},
		self:  penstockMaker, peers: chainPeers,
	},
	{
		name: "open", what: "deadline where the breaker is open and refuses each operation",
		setup: setup{work: answer, limit: longer, fails: true, tripped: true},
		self:  penstockMaker, peers: chainPeers,
	},
}

func (c benchCase) makers() []maker { return slices.Concat([]maker{c.self}, c.peers) }

// run measures every subject of the case in turn, over and over.
func (c benchCase) run(rounds int, length time.Duration, patience *measure.Patience) (result, error) {
	makers := c.makers()
	samples, err := measure.Rounds(rounds, len(makers), func(i int) (measure.Sample, error) {
		s, err := c.measure(makers[i], length, patience)
		if err != nil {
			err = fmt.Errorf("chain/%s: %s: %w", c.name, makers[i].name, err)
		}
		return s, err
	})
	if err != nil {
		return result{}, err
	}
	r := result{Name: c.name, What: c.what, Self: summary(makers[0], samples[0], samples[0])}
	r.Share = report.Round2(measure.MedianOf(slices.Concat(samples...), func(s measure.Sample) float64 { return s.Share }))
	for i, m := range c.peers {
		r.Peers = append(r.Peers, summary(m, samples[i+1], samples[0]))
	}
	return r, nil
}

// measure runs the operations on a new subject of m's.
func (c benchCase) measure(m maker, length time.Duration, patience *measure.Patience) (measure.Sample, error) {
	s, err := m.open(c.setup)
	if err != nil {
		return measure.Sample{}, err
	}
	defer s.close()
	load := measure.Load{Callers: 1, Length: length, Batch: 256}
	if c.parallel {
		load.Callers = runtime.GOMAXPROCS(0)
	}
	ctxs := make([]context.Context, load.Callers)
	for i := range ctxs {
		ctx, cancel := c.context()
		defer cancel()
		ctxs[i] = ctx
	}
	turns := func(caller, n int) error { return s.turns(ctxs[caller], n) }
	warmUp := load
	warmUp.Length /= 10
	if _, err := warmUp.Run(turns); err != nil {
		return measure.Sample{}, err
	}
	for {
		patience.Await()
		runtime.GC() // each subject pays for its own garbage
		found, err := load.Run(turns)
		if err != nil || !patience.Again(found.Share, length) {
			return found, err
		}
	}
}

// context returns the context of one caller.
func (c benchCase) context() (context.Context, context.CancelFunc) {
	within := c.within
	if within == nil {
		within = withDeadline
	}
	ctx, cancel := within()
	ctx.Done() // made when first asked for, which is not the subject's doing
	return ctx, cancel
}

// summary is what the rounds of m come to, beside those of Penstock.
func summary(m maker, samples, self []measure.Sample) figures {
	ns := func(s measure.Sample) float64 { return s.NS }
	return figures{
		Peer:    m.name,
		Version: m.version(),
		NS:      report.ThreeDigits(measure.MedianOf(samples, ns)),
		Ratio:   report.Round2(measure.RatioOf(samples, self, ns)),
		Allocs:  report.Round2(measure.MedianOf(samples, func(s measure.Sample) float64 { return s.Allocs })),
		Bytes:   math.Round(measure.MedianOf(samples, func(s measure.Sample) float64 { return s.Bytes })),
	}
}

// budgets compares what was found with the goals of the cases.
func budgets(results []result) []report.Budget {
	var list []report.Budget
	for _, r := range results {
		i := slices.IndexFunc(benchCases, func(c benchCase) bool { return c.name == r.Name })
		if i < 0 {
			continue
		}
		for _, g := range benchCases[i].goals {
			list = append(list, g.budget(r))
		}
	}
	return list
}

func (g goal) budget(r result) report.Budget {
	if g.peer == "" {
		return report.AtMost("chain/"+r.Name+" allocs", g.allocs, r.Self.Allocs)
	}
	name, ratio := "chain/"+r.Name+" "+g.peer, r.peer(g.peer).Ratio
	if g.faster > 0 {
		return report.AtLeast(name, g.faster, ratio)
	}
	return report.AtMost(name, g.slower, report.Round2(1/ratio))
}
