// SPDX-License-Identifier: Apache-2.0

package coretest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
)

func passesOn(b *bench) error {
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), outerKey{}, "value"), time.Hour)
	defer cancel()
	var seen context.Context
	deadline, _ := ctx.Deadline()
	p := &passage{check: func(inner context.Context) error {
		seen = inner
		if inner.Value(outerKey{}) != "value" {
			return errors.New("a value of the context is not visible to next")
		}
		if d, ok := inner.Deadline(); !ok || d.After(deadline) {
			return fmt.Errorf("the deadline for next is %v, want %v or earlier", d, deadline)
		}
		return inner.Err()
	}}
	if err := b.do(ctx, p, succeed); err != nil {
		return fmt.Errorf("the first operation fails: %w", err)
	}
	if seen == nil {
		return errors.New("next was not run")
	}
	// The end of the context is seen by what runs.
	err := b.do(ctx, &passage{}, func(inner context.Context) error {
		cancel()
		select {
		case <-inner.Done():
			return inner.Err()
		case <-time.After(time.Minute):
			b.fault("the context of next does not end with the middleware's")
			return nil
		}
	})
	if !errors.Is(err, context.Canceled) {
		return fmt.Errorf("a canceled operation returns %v, want context.Canceled", err)
	}
	return nil
}

func returnsErrors(b *bench) error {
	for _, want := range []error{errBackend, core.ErrUnavailable, core.ErrRejected, &core.TimeoutError{}} {
		for range 50 { // one of them may be refused
			// The bench looks at what comes out.
			_ = b.do(context.Background(), &passage{}, func(context.Context) error { return want })
		}
		if err := b.passes(); err != nil {
			return err
		}
	}
	return nil
}

func obeysLimits(b *bench) error {
	for _, limit := range []int{1, 2} {
		p := &passage{limit: limit}
		_ = b.do(context.Background(), p, fail)
		if runs := p.runs.Load(); runs > int64(limit) {
			return fmt.Errorf("%d runs of next where the call allows %d attempts", runs, limit)
		}
	}
	p := &passage{forbid: true}
	_ = b.do(context.Background(), p, fail)
	if runs := p.runs.Load(); runs > 1 {
		return fmt.Errorf("%d runs of next where a guard forbids more than one", runs)
	}
	return nil
}

func endsInTime(b *bench) error {
	const limit = 50 * time.Millisecond
	for range 20 {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		began := time.Now()
		_ = b.do(ctx, &passage{}, fail)
		cancel()
		if ran := time.Since(began); ran > limit {
			return fmt.Errorf("it returned %v after the context's end", ran-limit)
		}
	}
	return b.passes()
}

const sudden = "the work panics"

func survivesPanics(b *bench) error {
	return b.survives(func() error {
		var p passage
		recovered := func() (v any) {
			defer func() { v = recover() }()
			_ = b.do(context.Background(), &p, func(context.Context) error { panic(sudden) })
			return nil
		}()
		if p.runs.Load() > 0 && recovered != sudden {
			return fmt.Errorf("the caller recovers %v, want the panic of next", recovered)
		}
		if runs := p.runs.Load(); runs > 1 {
			return fmt.Errorf("%d runs of next, though the first panicked", runs)
		}
		return nil
	})
}

func survivesGoexits(b *bench) error {
	return b.survives(func() error {
		var p passage
		returned := false
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = b.do(context.Background(), &p, func(context.Context) error {
				runtime.Goexit()
				return nil
			})
			returned = true
		}()
		<-done
		if p.runs.Load() > 0 && returned {
			return errors.New("it returned, though next called runtime.Goexit")
		}
		return nil
	})
}

// survives returns an error if after many accidents nothing passes any more.
// What they open must not hide what they leak, so they are spread over time.
func (b *bench) survives(accident func() error) error {
	for range 200 {
		if err := accident(); err != nil {
			return err
		}
		time.Sleep(time.Minute)
	}
	return b.passes()
}

func worksConcurrently(b *bench) error {
	const callers, times = 16, 25
	var wg sync.WaitGroup
	for n := range callers {
		wg.Go(func() {
			for i := range times {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				switch (n + i) % 4 {
				case 0:
					_ = b.do(ctx, &passage{}, fail)
				case 1:
					func() {
						defer func() { _ = recover() }()
						_ = b.do(ctx, &passage{}, func(context.Context) error { panic(sudden) })
					}()
				case 2:
					_ = b.do(ctx, &passage{}, func(ctx context.Context) error {
						cancel()
						return ctx.Err()
					})
				default:
					_ = b.do(ctx, &passage{}, func(context.Context) error {
						time.Sleep(time.Millisecond)
						return nil
					})
				}
				cancel()
			}
		})
	}
	wg.Wait()
	return b.passes()
}
