// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"

	"github.com/jackc/puddle/v2"
	goredis "github.com/redis/go-redis/v9/penstockbench"
)

// puddlePool is github.com/jackc/puddle.
type puddlePool struct{ *puddle.Pool[*conn] }

func openPuddle(size int) (subject, error) {
	p, err := puddle.NewPool(&puddle.Config[*conn]{
		Constructor: func(context.Context) (*conn, error) { return &conn{}, nil },
		Destructor:  func(*conn) {},
		MaxSize:     int32(size),
	})
	if err != nil {
		return nil, err
	}
	for range size {
		if err := p.CreateResource(context.Background()); err != nil {
			return nil, err
		}
	}
	return puddlePool{p}, nil
}

func (p puddlePool) turns(ctx context.Context, n int, work func()) error {
	for range n {
		resource, err := p.Acquire(ctx)
		if err != nil {
			return err
		}
		if work != nil {
			work()
		}
		resource.Release()
	}
	return nil
}

func (p puddlePool) acquire(ctx context.Context) (func(), error) {
	resource, err := p.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	return resource.Release, nil
}

func (p puddlePool) close() { p.Close() }

// channel is the pool that one writes in five lines: no lifetime, no check, no
// replacement, no figures.
type channel chan *conn

func openChannel(size int) (subject, error) {
	c := make(channel, size)
	for i := range size {
		c <- &conn{i}
	}
	return c, nil
}

func (c channel) turns(ctx context.Context, n int, work func()) error {
	for range n {
		select {
		case conn := <-c:
			if work != nil {
				work()
			}
			c <- conn
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (c channel) acquire(ctx context.Context) (func(), error) {
	select {
	case conn := <-c:
		return func() { c <- conn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (channel) close() {}

// database is the pool of database/sql, whose driver does nothing.
type database struct{ *sql.DB }

type (
	connector struct{}
	sqlConn   struct{}
)

var errNothing = errors.New("the driver does nothing")

func (connector) Connect(context.Context) (driver.Conn, error) { return &sqlConn{}, nil }
func (connector) Driver() driver.Driver                        { return nil }
func (*sqlConn) Prepare(string) (driver.Stmt, error)           { return nil, errNothing }
func (*sqlConn) Begin() (driver.Tx, error)                     { return nil, errNothing }
func (*sqlConn) Close() error                                  { return nil }

func openSQL(size int) (subject, error) {
	db := sql.OpenDB(connector{})
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return database{db}, fill(database{db}, size)
}

func (d database) turns(ctx context.Context, n int, work func()) error {
	for range n {
		conn, err := d.Conn(ctx)
		if err != nil {
			return err
		}
		if work != nil {
			work()
		}
		if err := conn.Close(); err != nil {
			return err
		}
	}
	return nil
}

func (d database) acquire(ctx context.Context) (func(), error) {
	conn, err := d.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return func() { _ = conn.Close() }, nil
}

func (d database) close() { _ = d.Close() }

// redisPool is the pool of go-redis.
type redisPool struct{ *goredis.Pool }

func openGoredis(size int) (subject, error) {
	p, err := goredis.New(context.Background(), size)
	if err != nil {
		return nil, err
	}
	return redisPool{p}, nil
}

func (p redisPool) turns(ctx context.Context, n int, work func()) error {
	for range n {
		conn, err := p.Acquire(ctx)
		if err != nil {
			return err
		}
		if work != nil {
			work()
		}
		p.Release(ctx, conn)
	}
	return nil
}

func (p redisPool) acquire(ctx context.Context) (func(), error) {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	return func() { p.Release(context.Background(), conn) }, nil
}

func (p redisPool) close() { _ = p.Close() }

// mutex shares connections as one would by hand: in turn, under a lock, with
// a count of the callers that each has. It has no limit and cannot wait.
type mutex struct {
	mu      sync.Mutex
	conns   []*conn
	callers []int
	next    int
}

func openMutex(size int) (subject, error) {
	m := &mutex{conns: make([]*conn, size), callers: make([]int, size)}
	for i := range m.conns {
		m.conns[i] = &conn{i}
	}
	return m, nil
}

func (m *mutex) take() *conn {
	m.mu.Lock()
	defer m.mu.Unlock()
	conn := m.conns[m.next]
	m.callers[m.next]++
	m.next = (m.next + 1) % len(m.conns)
	return conn
}

func (m *mutex) giveBack(conn *conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.callers[conn.id]--
}

func (m *mutex) turns(ctx context.Context, n int, work func()) error {
	for range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		conn := m.take()
		if work != nil {
			work()
		}
		m.giveBack(conn)
	}
	return nil
}

func (m *mutex) acquire(context.Context) (func(), error) {
	conn := m.take()
	return func() { m.giveBack(conn) }, nil
}

func (*mutex) close() {}
