// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/penstock-go/penstock/pool"
)

// subject is a pool to be measured, with all its connections made.
type subject interface {
	// turns acquires a connection n times and releases it again, with work in
	// between unless it is nil. The loop is the subject's own, so that no call
	// through an interface is measured.
	turns(ctx context.Context, n int, work func()) error
	// acquire is for what need not be quick.
	acquire(ctx context.Context) (release func(), err error)
	close()
}

// maker makes a subject with so many connections.
type maker struct {
	name   string
	module string // whose version it has; empty for our own code and Go's
	open   func(size int) (subject, error)
}

var (
	penstockMaker = maker{"penstock", "", openPenstock}
	puddleMaker   = maker{"puddle", "github.com/jackc/puddle/v2", openPuddle}
	channelMaker  = maker{"channel", "", openChannel}
	sqlMaker      = maker{"sql", "", openSQL}
	goredisMaker  = maker{"goredis", "github.com/redis/go-redis/v9", openGoredis}

	exclusivePeers = []maker{puddleMaker, channelMaker, sqlMaker, goredisMaker}

	sharedMaker = maker{"penstock", "", openShared}
	mutexMaker  = maker{"mutex", "", openMutex}
)

// conn is what the pools lend.
type conn struct{ id int }

type factory struct{}

func (factory) Dial(context.Context) (*conn, error) { return &conn{}, nil }
func (factory) Close(context.Context, *conn) error  { return nil }

// Penstock's pool, as its zero configuration makes it.
type penstock struct{ *pool.Pool[*conn] }

func openPenstock(size int) (subject, error) {
	return startPenstock(pool.Config{MaxSize: size, MinSize: size})
}

func openShared(size int) (subject, error) {
	return startPenstock(pool.Config{Mode: pool.Shared, MaxSize: size, MinSize: size})
}

func startPenstock(cfg pool.Config) (subject, error) {
	p, err := pool.New(factory{}, cfg)
	if err != nil {
		return nil, err
	}
	return penstock{p}, p.Start(context.Background())
}

func (p penstock) turns(ctx context.Context, n int, work func()) error {
	for range n {
		lease, err := p.Acquire(ctx)
		if err != nil {
			return err
		}
		if work != nil {
			work()
		}
		lease.Release()
	}
	return nil
}

func (p penstock) acquire(ctx context.Context) (func(), error) {
	lease, err := p.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	return lease.Release, nil
}

func (p penstock) close() { _ = p.Close(context.Background()) }

// fill makes every connection of s.
func fill(s subject, size int) error {
	for range size {
		release, err := s.acquire(context.Background())
		if err != nil {
			return err
		}
		defer release()
	}
	return nil
}
