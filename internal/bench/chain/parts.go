// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/penstock-go/penstock/internal/bench/internal/measure"
	"github.com/penstock-go/penstock/pool"
)

var partsMaker = maker{"parts", "", openParts}

// openParts is what a client without a stage cannot do without: the pool's
// Acquire and Release, one allocation as large as Penstock's, and one reading of
// the clock.
func openParts(s setup) (subject, error) {
	p, err := pool.New(factory{}, backend(factory{}).Pool)
	if err != nil {
		return subject{}, err
	}
	if err := p.Start(context.Background()); err != nil {
		return subject{}, err
	}
	size, err := allocated()
	if err != nil {
		return subject{}, err
	}
	class, err := classOf(size)
	if err != nil {
		return subject{}, err
	}
	return subject{class.turns(p, s), func() { _ = p.Close(context.Background()) }}, nil
}

// allocated returns how many bytes an operation of a client without a stage
// allocates.
var allocated = sync.OnceValues(func() (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	s, err := openStageless(setup{work: answer})
	if err != nil {
		return 0, err
	}
	defer s.close()
	load := measure.Load{Callers: 1, Length: 5 * time.Millisecond, Batch: 10_000}
	found, err := load.Run(func(_, n int) error { return s.turns(ctx, n) })
	if err == nil && found.Bytes < 1 {
		err = errors.New("an operation allocates nothing, and needs a benchmark of its own")
	}
	return int(found.Bytes), err // what others allocate meanwhile is less than a byte for each
})

// class is one of the sizes that Go's allocator rounds up to.
type class struct {
	size  int
	turns func(*pool.Pool[*conn], setup) func(context.Context, int) error
}

// classes have pointers in them, as a call does.
var classes = []class{
	of[[4]*int](), of[[6]*int](), of[[8]*int](), of[[10]*int](), of[[12]*int](),
	of[[14]*int](), of[[16]*int](), of[[18]*int](), of[[20]*int](), of[[22]*int](),
	of[[24]*int](), of[[26]*int](), of[[28]*int](), of[[30]*int](), of[[32]*int](),
	of[[36]*int](), of[[40]*int](), of[[44]*int](), of[[48]*int](), of[[52]*int](),
	of[[56]*int](), of[[60]*int](), of[[64]*int](),
}

// of returns the class whose allocation is a T.
func of[T any]() class { return class{int(reflect.TypeFor[T]().Size()), parts[T]} }

// classOf returns the class that an allocation of size falls into.
func classOf(size int) (class, error) {
	for _, c := range classes {
		if size <= c.size {
			return c, nil
		}
	}
	return class{}, fmt.Errorf("there is no class for an allocation of %d bytes", size)
}

var epoch = time.Now()

// kept keeps the compiler from leaving out the allocation and the reading.
var kept struct {
	block any
	clock time.Duration
}

func parts[T any](p *pool.Pool[*conn], s setup) func(context.Context, int) error {
	return func(ctx context.Context, n int) error {
		for range n {
			kept.block = new(T)
			lease, err := p.Acquire(ctx)
			if err != nil {
				return err
			}
			kept.clock = time.Since(epoch)
			_, err = s.work(ctx, lease.Conn())
			lease.Release()
			if (err != nil) != s.fails {
				return s.unexpected(err)
			}
		}
		return nil
	}
}
