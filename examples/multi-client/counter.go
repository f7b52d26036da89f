// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// Counter is a backend of the program's own: the section "counter" of the file, and the
// factory of its connections.
type Counter struct{ Address string }

// Dial connects.
func (c Counter) Dial(ctx context.Context) (*Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.Address)
	if err != nil {
		return nil, err
	}
	return &Conn{conn, bufio.NewReader(conn)}, nil
}

// Close closes the connection.
func (Counter) Close(_ context.Context, c *Conn) error { return c.conn.Close() }

// Conn is a connection to a counter. A request is a line, and so is its answer.
type Conn struct {
	conn   net.Conn
	reader *bufio.Reader
}

// Add counts a visit of the page, and returns how many there were.
func (c *Conn) Add(ctx context.Context, page string) (n int, err error) {
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err = fmt.Fprintf(c.conn, "%q\n", page); err != nil {
		return 0, err
	}
	_, err = fmt.Fscanln(c.reader, &n)
	return n, err
}

// counts is the server, in the same process.
type counts struct {
	net.Listener

	mu    sync.Mutex // guards pages
	pages map[string]int
}

// startCounter returns a server that listens on a port of its own.
func startCounter() (*counts, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &counts{Listener: listener, pages: map[string]int{}}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s, nil
}

func (s *counts) serve(conn net.Conn) {
	defer conn.Close()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		s.mu.Lock()
		s.pages[lines.Text()]++
		n := s.pages[lines.Text()]
		s.mu.Unlock()
		if _, err := fmt.Fprintln(conn, n); err != nil {
			return
		}
	}
}
