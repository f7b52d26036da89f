// SPDX-License-Identifier: Apache-2.0

// Package goredis drives the pool of go-redis alone: no command is written and
// no reply is read. Its connections go nowhere.
package goredis

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9/internal/pool"
)

// Conn is a connection of the pool.
type Conn = pool.Conn

// Pool is a pool of go-redis.
type Pool struct{ pool *pool.ConnPool }

// New returns a pool of size connections, all of them made. What else there is
// to set is as a client without options sets it.
func New(ctx context.Context, size int) (*Pool, error) {
	p := &Pool{pool.NewConnPool(&pool.Options{
		Dialer:             func(context.Context) (net.Conn, error) { return nowhere{}, nil },
		ReadBufferSize:     512, // nothing is read
		WriteBufferSize:    512,
		PoolSize:           int32(size),
		MaxConcurrentDials: size,
		DialTimeout:        5 * time.Second,
		PoolTimeout:        4 * time.Second,
		ConnMaxIdleTime:    30 * time.Minute,
	})}
	conns := make([]*Conn, size)
	for i := range conns {
		conn, err := p.pool.Get(ctx)
		if err != nil {
			return nil, err
		}
		// What the client does once it has greeted the server.
		conn.GetStateMachine().Transition(pool.StateInUse)
		conns[i] = conn
	}
	for _, conn := range conns {
		p.pool.Put(ctx, conn)
	}
	if n := p.pool.IdleLen(); n != size {
		return nil, fmt.Errorf("go-redis: %d idle connections, want %d", n, size)
	}
	return p, nil
}

// Acquire borrows a connection.
func (p *Pool) Acquire(ctx context.Context) (*Conn, error) { return p.pool.Get(ctx) }

// Release gives conn back.
func (p *Pool) Release(ctx context.Context, conn *Conn) { p.pool.Put(ctx, conn) }

// Close closes the pool.
func (p *Pool) Close() error { return p.pool.Close() }

// nowhere is a connection to nowhere.
type nowhere struct{ net.Conn }

func (nowhere) Close() error                     { return nil }
func (nowhere) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (nowhere) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (nowhere) SetDeadline(time.Time) error      { return nil }
func (nowhere) SetReadDeadline(time.Time) error  { return nil }
func (nowhere) SetWriteDeadline(time.Time) error { return nil }
