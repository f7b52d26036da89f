// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

// The operations, each declared once. A Set that is repeated late would undo what
// another caller has set meanwhile, so it is unsafe.
var (
	get = core.Op{Name: "Get", Safety: core.ReadOnly}
	set = core.Op{Name: "Set", Safety: core.Unsafe}
)

var load = flag.Duration("load", time.Second, "how long the load lasts, in which the server restarts")

// story shows what becomes of single operations, then of a load on a server that
// restarts. It ends early, and without an error, when ctx ends.
func story(ctx context.Context, client *penstock.Client[*Conn], server *Server) error {
	flag.Parse()
	show := func(what, value string, attempts int, err error) {
		if err != nil {
			value = err.Error()
		}
		fmt.Printf("%-24s attempts: %d  %s\n", what, attempts, value)
	}
	write := func(what string) {
		attempts, err := setColor(ctx, client)
		show(what, "ok", attempts, err)
	}
	read := func(what, key string) {
		value, attempts, err := getKey(ctx, client, key)
		show(what, value, attempts, err)
	}
	write("set color")
	read("get color", "color")
	read("get shape", "shape")
	server.Busy(50 * time.Millisecond)
	write("set, server busy")
	server.Cut()
	read("get, connection cut", "color")
	server.Cut()
	write("set, connection cut")

	during, cancel := context.WithTimeout(ctx, *load)
	defer cancel()
	var total, failed atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for tick := time.Tick(time.Millisecond); during.Err() == nil; <-tick {
				total.Add(1)
				if _, _, err := getKey(ctx, client, "color"); err != nil && ctx.Err() == nil {
					failed.Add(1)
				}
			}
		})
	}
	select {
	case <-time.After(*load / 2):
		if err := server.Restart(); err != nil {
			return err
		}
		fmt.Println("the server has restarted")
	case <-ctx.Done():
		fmt.Println("interrupted")
	}
	wg.Wait()
	summarize(client, total.Load(), failed.Load())
	return nil
}

func setColor(ctx context.Context, client *penstock.Client[*Conn]) (attempts int, err error) {
	_, err = core.Do(ctx, client, set, func(ctx context.Context, conn *Conn) (bool, error) {
		attempts++
		return true, conn.Set(ctx, "color", "blue")
	})
	return attempts, err
}

func getKey(ctx context.Context, client *penstock.Client[*Conn], key string) (value string, attempts int, err error) {
	value, err = core.Do(ctx, client, get, func(ctx context.Context, conn *Conn) (string, error) {
		attempts++
		return conn.Get(ctx, key)
	})
	if errors.Is(err, ErrNotFound) {
		return "(not found)", attempts, nil // an answer
	}
	return value, attempts, err
}

func summarize(client *penstock.Client[*Conn], total, failed int64) {
	stats := client.Pool().Stats()
	fmt.Printf("load: %d operations, %d failed\n", total, failed)
	fmt.Printf("pool: %d dials; closed %d that were found dead before a lease, %d that failed in use\n",
		stats.Dials, stats.Closed[pool.CloseDead], stats.Closed[pool.CloseDiscarded])
	fmt.Printf("breaker: %v\n", client.Breaker().State())
}
