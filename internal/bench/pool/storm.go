// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/penstock-go/penstock/internal/bench/internal/measure"
	"github.com/penstock-go/penstock/internal/bench/internal/report"
)

const (
	stormCallers = 20_000
	// stormWindow is how long the live caller is watched, before the storm and
	// from the moment that the context of the others ends.
	stormWindow = 250 * time.Millisecond
)

// calm is the control of the storm: its callers wait for the same end of the
// same context, but not at the pool. What it loses, the scheduler takes.
type calm struct{ subject }

func (calm) acquire(ctx context.Context) (func(), error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

var stormMakers = []maker{
	penstockMaker, puddleMaker, channelMaker, sqlMaker, goredisMaker,
	{"control", "", func(size int) (subject, error) {
		s, err := openPenstock(size)
		return calm{s}, err
	}},
}

// tempest is what one storm did to the live caller.
type tempest struct {
	ns      float64       // for each turn in the window
	kept    float64       // the throughput in the window, as a share of that before
	longest time.Duration // turn in the window
	lasted  time.Duration // until the last of the others had gone
}

// runStorm lets 20,000 callers wait for a connection, ends the context of all
// of them at once, and sees how the one caller whose context has not ended
// fares in the time that follows.
func runStorm(rounds int) (result, error) {
	storms, err := measure.Rounds(rounds, len(stormMakers), func(i int) (tempest, error) {
		t, err := storm(stormMakers[i])
		if err != nil {
			err = fmt.Errorf("pool/storm: %s: %w", stormMakers[i].name, err)
		}
		return t, err
	})
	if err != nil {
		return result{}, err
	}
	r := result{
		Name: "storm",
		What: fmt.Sprintf("%d callers whose context ends while they wait, beside one whose context does not; 1 conn, 20 us of work", stormCallers),
		Unit: "ns",
	}
	for i, m := range stormMakers {
		median := func(of func(tempest) float64) float64 { return measure.MedianOf(storms[i], of) }
		f := figures{
			Peer:      m.name,
			Version:   m.version(),
			Value:     median(func(t tempest) float64 { return t.ns }),
			Ratio:     report.Round2(measure.RatioOf(storms[i], storms[0], func(t tempest) float64 { return t.ns })),
			Kept:      report.Round3(median(func(t tempest) float64 { return t.kept })),
			LongestMS: report.Round2(median(func(t tempest) float64 { return t.longest.Seconds() * 1e3 })),
			LastedMS:  report.Round2(median(func(t tempest) float64 { return t.lasted.Seconds() * 1e3 })),
		}
		if i == 0 {
			r.Self = f
		} else {
			r.Peers = append(r.Peers, f)
		}
	}
	return r, nil
}

func storm(m maker) (tempest, error) {
	s, err := m.open(1)
	if err != nil {
		return tempest{}, err
	}
	defer s.close()
	live, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()

	// busy holds the connection for 20 us without a break: the one caller of
	// this pool would otherwise give its processor to the storm.
	busy := func() {
		for begin := time.Now(); time.Since(begin) < 20*time.Microsecond; {
		}
	}
	turn := func() error { return s.turns(live, 1, busy) }

	patience.Await()
	if err := s.turns(live, 100, busy); err != nil {
		return tempest{}, err
	}
	begin, alone := time.Now(), 0
	for time.Since(begin) < stormWindow {
		if err := turn(); err != nil {
			return tempest{}, err
		}
		alone++
	}
	before := float64(time.Since(begin)) / float64(alone)

	blow, err := brew(s, live)
	if err != nil {
		return tempest{}, err
	}
	var t tempest
	begin = time.Now()
	over := blow()
	turns, last := 0, begin
	for last.Sub(begin) < stormWindow {
		if err := turn(); err != nil {
			return tempest{}, err
		}
		turns++
		now := time.Now()
		t.longest, last = max(t.longest, now.Sub(last)), now
	}
	t.ns = float64(last.Sub(begin)) / float64(turns)
	t.kept = before / t.ns
	t.lasted = (<-over).Sub(begin)
	return t, nil
}

// brew returns when the callers of the storm wait for the one connection of s.
// blow ends their context and gives the connection back; over tells when the
// last of them had gone.
func brew(s subject, live context.Context) (blow func() (over <-chan time.Time), err error) {
	release := func() {}
	if _, ok := s.(calm); !ok {
		if release, err = s.acquire(live); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var coming, all sync.WaitGroup
	coming.Add(stormCallers)
	for range stormCallers {
		all.Go(func() {
			stretch()
			coming.Done()
			if release, err := s.acquire(ctx); err == nil {
				release() // lent to somebody whose context has ended
			}
		})
	}
	coming.Wait()
	measure.Settle()
	return func() <-chan time.Time {
		over := make(chan time.Time, 1)
		go func() {
			cancel() // not on the live caller's time: to wake them all takes a while
			all.Wait()
			over <- time.Now()
		}()
		for ctx.Err() == nil { // the live caller is at work, and does not park
		}
		release()
		return over
	}, nil
}

// stretch makes the stack of its goroutine as long as that of a request is
// before it comes to ask for a connection. To make it longer takes more time
// than anything that a pool does.
//
//go:noinline
func stretch() {
	var room [2048]byte
	use(&room)
}

//go:noinline
func use(room *[2048]byte) { room[0]++ }
