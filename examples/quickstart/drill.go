// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
)

// The settings and limits of the drill.
const (
	recoveryTimeout = time.Second
	retryInterval   = 50 * time.Millisecond
	outage          = 2 * time.Second
	settle          = 500 * time.Millisecond // time under load before the outage
	pace            = 20 * time.Millisecond  // interval of each worker's operations
	patience        = 2 * time.Second        // deadline of each operation
	recoveryLimit   = 10 * time.Second       // limit of the recovery
	steady          = 100                    // successes in a row that count as recovered
	atOnce          = 20 * time.Millisecond  // limit of the median refusal
	rejections      = 10                     // spans of refused operations in a second
)

// tally counts the outcomes of operations.
type tally struct {
	mu                          sync.Mutex
	succeeded, failed, rejected int
	row                         int // successes in a row
	steadyAt                    time.Time
	refusals                    []time.Duration
}

func (t *tally) add(err error, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil:
		t.succeeded++
		if t.row++; t.row == steady {
			t.steadyAt = time.Now()
		}
		return
	case errors.Is(err, breaker.ErrOpen):
		t.rejected++
		t.refusals = append(t.refusals, took)
	default:
		t.failed++
	}
	t.row = 0
}

func (t *tally) recovered() (bool, time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.row >= steady, t.steadyAt
}

// drill takes the backend away for a while under load, and prints the outcomes of
// the operations. The error names every promise that did not hold.
func drill(ctx context.Context, w io.Writer, c client, p *proxy, digits []digit) error {
	var (
		b       = c.Breaker()
		t       tally
		wg      sync.WaitGroup
		stopped = make(chan struct{})
	)
	for n := range workers {
		wg.Go(func() {
			ticker := time.NewTicker(pace)
			defer ticker.Stop()
			for i := n; ; i += workers {
				select {
				case <-ticker.C:
				case <-stopped:
					return
				}
				ctx, cancel := context.WithTimeout(ctx, patience)
				begin := time.Now()
				_, err := search(ctx, c, digits[i%len(digits)])
				t.add(err, time.Since(begin))
				cancel()
			}
		})
	}
	sleep(ctx, settle)
	p.cut(true)
	sleep(ctx, outage)
	p.restore()
	restored := time.Now()
	var took time.Duration
	for ctx.Err() == nil && time.Since(restored) < recoveryLimit {
		sleep(ctx, pace)
		if ok, at := t.recovered(); ok && at.After(restored) {
			took = at.Sub(restored)
			break
		}
	}
	close(stopped)
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}

	snapshot := b.Snapshot()
	slices.Sort(t.refusals)
	fmt.Fprintf(w, "  succeeded %d, failed %d, rejected %d (breaker: %s, %d transitions)\n",
		t.succeeded, t.failed, t.rejected, snapshot.State, snapshot.Counters.StateChangeCount)
	var faults []error
	if t.rejected == 0 {
		faults = append(faults, errors.New("the breaker rejected nothing during the outage"))
	} else {
		median := t.refusals[len(t.refusals)/2]
		fmt.Fprintf(w, "  a rejection took %v (median), %v at most\n", median, t.refusals[len(t.refusals)-1])
		if median > atOnce {
			faults = append(faults, fmt.Errorf("rejections took %v (median), want at most %v", median, atOnce))
		}
	}
	if took == 0 {
		faults = append(faults, fmt.Errorf("the backend did not serve again within %v", recoveryLimit))
	} else {
		fmt.Fprintf(w, "  %d operations in a row succeeded %v after the backend was back\n", steady, took.Round(time.Millisecond))
	}
	if snapshot.State != breaker.Closed.String() {
		faults = append(faults, fmt.Errorf("the breaker is %s, want closed", snapshot.State))
	}
	return errors.Join(faults...)
}

// normal runs one search and returns its span.
func normal(ctx context.Context, c client, r *tracetest.SpanRecorder, d digit) (sdktrace.ReadOnlySpan, error) {
	before := len(r.Ended())
	if _, err := search(ctx, c, d); err != nil {
		return nil, err
	}
	span := find(r.Ended(), before, func(sdktrace.ReadOnlySpan) bool { return true })
	if span == nil {
		return nil, errNoSpans
	}
	return span, nil
}

// retried runs a search, cuts its connection while the backend works on it, and
// returns its span.
func retried(ctx context.Context, c client, p *proxy, r *tracetest.SpanRecorder, d digit) (sdktrace.ReadOnlySpan, error) {
	before := len(r.Ended())
	arrived := p.holdNext()
	future := core.Go(ctx, c, opSearch, searchFor(d))
	select {
	case <-arrived:
	case <-ctx.Done():
	}
	p.cut(false)
	if _, err := future.Await(ctx); err != nil {
		return nil, fmt.Errorf("the search did not survive the death of its connection: %w", err)
	}
	span := find(r.Ended(), before, func(s sdktrace.ReadOnlySpan) bool { return attr(s, "penstock.retry.attempts") != "" })
	if span == nil {
		return nil, errors.New("no search was retried")
	}
	return span, nil
}

// rejected returns the span of the first search that the open breaker rejected.
func rejected(r *tracetest.SpanRecorder) (sdktrace.ReadOnlySpan, error) {
	span := find(r.Ended(), 0, func(s sdktrace.ReadOnlySpan) bool { return attr(s, "error.type") == "circuit_open" })
	if span == nil {
		return nil, errors.New("no search was rejected")
	}
	return span, nil
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
