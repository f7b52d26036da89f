// SPDX-License-Identifier: Apache-2.0

package real

import (
	"context"
	"flag"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/internal/servers"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/pool/milvus"
)

var rounds = flag.Int("rounds", 1, "how often a test repeats what it measures")

const (
	stopped  = 20 * time.Second
	promised = 2 * time.Second // from the first search of the bare client that succeeds to ours
)

// firsts keeps when a search first succeeded since a moment.
type firsts struct {
	mu    sync.Mutex // guards the fields below
	since time.Time
	first time.Time
}

func (f *firsts) add(begin time.Time, err error) {
	end := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && f.first.IsZero() && !f.since.IsZero() && end.After(f.since) {
		f.first = end
	}
}

func (f *firsts) begin(at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.since, f.first = at, time.Time{}
}

func (f *firsts) get() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.first
}

// All settings are the defaults: without the health monitor the breaker would stay open
// for up to 30 s after the server is back.
func TestAStoppedMilvusIsSearchedAgainSoon(t *testing.T) {
	m := servers.StartMilvus(t)
	ctx := t.Context()
	c, err := milvus.Open(ctx, milvus.Config{Address: m.Addr()}, penstock.Config{})
	if err != nil {
		t.Fatal(err)
	}
	prepare(ctx, t, c)
	bare, err := client.NewClient(ctx, client.Config{Address: m.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	var (
		ours, theirs firsts
		load         sync.WaitGroup
		stop         = make(chan struct{})
	)
	for range 8 {
		askAgain(ctx, &load, stop, func(ctx context.Context) error { return search(ctx, c) }, ours.add)
	}
	askAgain(ctx, &load, stop, func(ctx context.Context) error { return nearest(ctx, bare) }, theirs.add)

	var worst time.Duration
	for n := range *rounds {
		began := time.Now()
		ours.begin(began)
		theirs.begin(began)
		await(t, 10*time.Second, "searches of both before the outage", func() bool { return !ours.get().IsZero() && !theirs.get().IsZero() })
		await(t, 10*time.Second, "the breaker to be closed", func() bool { return c.Breaker().State() == breaker.Closed })

		pid := m.PID()
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		over := time.After(stopped)
		await(t, stopped, "the breaker to open", func() bool { return c.Breaker().State() == breaker.Open })
		<-over
		back := time.Now()
		ours.begin(back)
		theirs.begin(back)
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		await(t, recovery, "both to search again", func() bool { return !ours.get().IsZero() && !theirs.get().IsZero() })
		later := ours.get().Sub(theirs.get())
		worst = max(worst, later)
		t.Logf("round %d: the bare client searches again %v after SIGCONT, Penstock %v after SIGCONT: %v later", n+1,
			theirs.get().Sub(back).Round(time.Millisecond), ours.get().Sub(back).Round(time.Millisecond), later.Round(time.Millisecond))
		if later > promised {
			t.Errorf("round %d: the first search succeeds %v after that of the bare client, want at most %v", n+1, later, promised)
		}
	}
	t.Logf("worst of %d rounds: %v after the bare client", *rounds, worst.Round(time.Millisecond))
	close(stop)
	load.Wait()
	closing, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := c.Close(closing); err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := bare.Close(); err != nil {
		t.Errorf("closing the bare client: %v", err)
	}
}
