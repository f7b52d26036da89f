// SPDX-License-Identifier: Apache-2.0

// Generic-pool shows the pool alone, with a type of your own and without a chain or
// telemetry: sessions on a device that allows three at a time.
//
//	go run ./examples/generic-pool
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/pool"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, &Device{Places: 3})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "generic-pool:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, device *Device) (err error) {
	sessions, err := pool.New(device, pool.Config{Name: "device", MaxSize: device.Places})
	if err != nil {
		return err
	}
	defer func() { // waits for the leases that are out, and closes the sessions
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, sessions.Close(ctx))
	}()

	// Do lends a session for a function.
	var jobs atomic.Int64
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for range 5 {
				if sessions.Do(ctx, printPage) == nil {
					jobs.Add(1)
				}
			}
		})
	}
	workers.Wait()
	fmt.Printf("8 workers printed %d pages, never on more than %d sessions at once\n", jobs.Load(), device.Most())

	// Acquire lends a session until Release, or until Discard if it is not to be lent again.
	first, err := sessions.Acquire(ctx)
	if err != nil {
		return err
	}
	jam := errors.New("paper jam")
	first.Discard(jam)
	fmt.Printf("a session was discarded: %v\n", jam)

	// The device ends every session; the pool replaces each one before it lends it.
	device.Restart()
	if err := sessions.Do(ctx, printPage); err != nil {
		return err
	}
	fmt.Printf("a page was printed after a restart of the device; dead sessions that were closed: %d\n", sessions.Stats().Closed[pool.CloseDead])

	return askForMore(ctx, sessions)
}

func printPage(ctx context.Context, s *Session) error { return s.Print(ctx, "page") }

// askForMore takes all sessions, and waits 50 ms for one more.
func askForMore(ctx context.Context, sessions *pool.Pool[*Session]) error {
	for range sessions.Stats().Max {
		lease, err := sessions.Acquire(ctx)
		if err != nil {
			return err
		}
		defer lease.Release()
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err := sessions.Acquire(short)
	fmt.Printf("no session is free: %t; %v\n", errors.Is(err, pool.ErrExhausted), err)
	stats := sessions.Stats()
	fmt.Printf("%d of %d sessions are in use; %d waits ended without one\n", stats.InUse, stats.Max, stats.Timeouts)
	return ctx.Err()
}
