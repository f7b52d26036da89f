// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/servers"
)

// outage is something that happens to the server.
type outage struct {
	name, what string
	// happen returns when the server has begun to answer again.
	happen func(m *servers.Milvus, p plan) error
}

var outages = []outage{
	{"restarted", "SIGTERM, and started again when its process is gone", func(m *servers.Milvus, _ plan) error {
		m.Terminate()
		m.Restart()
		return nil
	}},
	{"killed", "SIGKILL, and started again at once", func(m *servers.Milvus, _ plan) error {
		m.Restart()
		return nil
	}},
	{"stopped", "SIGSTOP for 20 s, and continued", func(m *servers.Milvus, p plan) error {
		if err := syscall.Kill(m.PID(), syscall.SIGSTOP); err != nil {
			return err
		}
		time.Sleep(p.stopped)
		return syscall.Kill(m.PID(), syscall.SIGCONT)
	}},
}

const (
	callers = 8
	pause   = 20 * time.Millisecond // between two searches of a caller
	limit   = 2 * time.Second       // deadline of a search
)

// survival is what both subjects saw of an outage.
type survival struct {
	Outage string `json:"outage"`
	What   string `json:"what"`
	Ours   seen   `json:"penstock"`
	Bare   seen   `json:"bare_sdk"`
}

// seen is what one subject saw.
type seen struct {
	Searches int            `json:"searches"`
	Failed   map[string]int `json:"failed"` // by type of the error
	// First is the time from the first answer of the server to an operation to the
	// first search that succeeded and had begun since.
	First float64 `json:"first_success_s"`
	// Longest is the longest search.
	Longest float64 `json:"longest_s"`
}

func (s survival) lines() []string {
	return []string{
		fmt.Sprintf("milvus/%s penstock searches=%d first_success=%.2fs longest=%.2fs failed: %s", s.Outage, s.Ours.Searches, s.Ours.First, s.Ours.Longest, s.Ours.failures()),
		fmt.Sprintf("milvus/%s bare_sdk searches=%d first_success=%.2fs longest=%.2fs failed: %s", s.Outage, s.Bare.Searches, s.Bare.First, s.Bare.Longest, s.Bare.failures()),
	}
}

func (s seen) failures() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(s.Failed)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, s.Failed[name]))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// watch counts the searches of one subject.
type watch struct {
	mu    sync.Mutex
	seen  seen      // guarded by mu
	back  time.Time // guarded by mu; when the server answered again
	first time.Time // guarded by mu; when a search succeeded that had begun since
}

func (w *watch) add(begin time.Time, err error) {
	end := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen.Searches++
	w.seen.Longest = max(w.seen.Longest, end.Sub(begin).Seconds())
	switch {
	case err != nil:
		w.seen.Failed[core.ErrorType(err)]++
	case !w.back.IsZero() && w.first.IsZero() && begin.After(w.back):
		w.first = end
	}
}

func (w *watch) returned(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.back = at
}

func (w *watch) recovered() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.first.IsZero()
}

func (w *watch) result() seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.seen
	s.First = w.first.Sub(w.back).Seconds()
	return s
}

// survive lets both subjects search while the outage happens, and until both of them
// succeed again.
func survive(ctx context.Context, m *servers.Milvus, o outage, p plan) (survival, error) {
	m.WaitHealthy()
	ours, bare, err := open(ctx, m.Addr(), p.table)
	if err != nil {
		return survival{}, err
	}
	defer func() { _ = errors.Join(ours.close(), bare.close()) }()
	var (
		watches = [2]*watch{{seen: seen{Failed: map[string]int{}}}, {seen: seen{Failed: map[string]int{}}}}
		all     sync.WaitGroup
	)
	loaded, stop := context.WithCancel(ctx)
	for i, s := range []subject{ours, bare} {
		for caller := range callers {
			all.Go(func() { searchOn(loaded, s, caller, watches[i]) })
		}
	}
	defer all.Wait()
	defer stop()
	time.Sleep(p.healthy)
	if err := o.happen(m, p); err != nil {
		return survival{}, err
	}
	back := time.Now()
	for _, w := range watches {
		w.returned(back)
	}
	over := time.After(p.recoveryAtMost)
	for tick := time.Tick(pause); !watches[0].recovered() || !watches[1].recovered(); {
		select {
		case <-tick:
		case <-over:
			return survival{}, fmt.Errorf("no search succeeded within %v", p.recoveryAtMost)
		case <-ctx.Done():
			return survival{}, context.Cause(ctx)
		}
	}
	time.Sleep(p.calm)
	return survival{o.name, o.what, watches[0].result(), watches[1].result()}, nil
}

// searchOn searches until ctx ends.
func searchOn(ctx context.Context, s subject, caller int, w *watch) {
	random := rand.New(rand.NewPCG(uint64(caller), 3))
	for ticks := time.Tick(pause); ; {
		select {
		case <-ticks:
		case <-ctx.Done():
			return
		}
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		begin := time.Now()
		w.add(begin, s.search(bounded, caller, vector(random)))
		cancel()
	}
}
