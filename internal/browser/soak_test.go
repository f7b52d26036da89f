// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/performance"
)

var soak = flag.Duration("soak", 15*time.Second, "for how long the memory of the page is watched")

// use is what the page holds after a collection of garbage.
type use struct {
	heap             float64 // MB
	nodes, listeners int
}

func (b *tab) use() use {
	b.Helper()
	// The browser keeps an entry for each of the last 250 requests, which is no matter of the page.
	eval[bool](b, `performance.clearResourceTimings(), true`)
	// The second collection takes what the finalizers of the first one let go.
	call(b, heapprofiler.CollectGarbage, cdp.Empty{})
	call(b, heapprofiler.CollectGarbage, cdp.Empty{})
	values := map[string]float64{}
	for _, m := range call(b, performance.GetMetrics, cdp.Empty{}).Metrics {
		values[m.Name] = m.Value
	}
	return use{values["JSHeapUsedSize"] / 1e6, int(values["Nodes"]), int(values["JSEventListeners"])}
}

// TestThePagesMemoryIsFlat looks at 50 clients under load, breakers opening and closing, from the
// overview to one client after the other and back. What the page holds is measured at the same view.
func TestThePagesMemoryIsFlat(t *testing.T) {
	var names []string
	for i := range 50 {
		names = append(names, fmt.Sprintf("client %02d", i))
	}
	f := newFleet(t, names...)
	f.load(t, 50*time.Millisecond)
	flap(t, f)
	b := open(t, f, "#/", desk)
	call(b, performance.Enable, performance.EnableParams{})
	b.live()
	round := func(n int) use {
		for _, i := range []int{n % 50, 0} {
			eval[bool](b, `location.hash = '#/', true`)
			b.wait(`document.querySelectorAll('.clients tbody tr').length === 50`)
			b.messages(1)
			eval[bool](b, fmt.Sprintf(`location.hash = '#/client/' + encodeURIComponent(%s), true`, quote(names[i])))
			b.wait(fmt.Sprintf(`document.querySelector('.client-name')?.innerText === %s && document.querySelector('.u-over')`, quote(names[i])))
			b.messages(2)
		}
		return b.use()
	}
	var seen []use
	for begin := time.Now(); time.Since(begin) < *soak || len(seen) < 4; {
		seen = append(seen, round(len(seen)))
		t.Logf("after %3.0f s: heap %.2f MB, %d nodes, %d listeners", time.Since(begin).Seconds(), seen[len(seen)-1].heap, seen[len(seen)-1].nodes, seen[len(seen)-1].listeners)
	}
	b.steady()
	// Before, code is compiled, caches are filled, and lists reach their bounds. The history of 15 minutes goes on filling.
	settled, last := seen[max(1, len(seen)/6)], seen[len(seen)-1]
	if last.heap > settled.heap*1.1+0.5 {
		t.Errorf("the heap has grown from %.2f to %.2f MB", settled.heap, last.heap)
	}
	if last.nodes > settled.nodes+2500 || last.listeners > settled.listeners+60 {
		t.Errorf("the page has grown from %d nodes and %d listeners to %d and %d", settled.nodes, settled.listeners, last.nodes, last.listeners)
	}
}

// flap breaks and mends a third of the backends, at two seconds each.
func flap(t *testing.T, f *fleet) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for down := true; ; down = !down {
			for i := 0; i < len(f.down); i += 3 {
				f.down[i].Store(down)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
}
