// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/penstock-go/penstock/core"
)

// The answers of the server that are no result.
var (
	ErrNotFound = errors.New("key not found")
	ErrDenied   = core.Sentinel("user or password is wrong", core.TypeUnauthenticated)
)

// BusyError says that the server did nothing, and when to come back.
type BusyError struct{ After time.Duration }

func (e *BusyError) Error() string { return fmt.Sprintf("busy for %v", e.After) }

// Conn is a connection to a server of keys and values. A request is a line, and
// so is its answer; one caller at a time uses the connection.
type Conn struct {
	conn   net.Conn
	reader *bufio.Reader
}

func newConn(conn net.Conn) *Conn { return &Conn{conn, bufio.NewReader(conn)} }

// Get returns the value of the key, or ErrNotFound.
func (c *Conn) Get(ctx context.Context, key string) (value string, err error) {
	answer, err := c.ask(ctx, fmt.Sprintf("GET %q", key))
	if err != nil {
		return "", err
	}
	_, err = fmt.Sscanf(answer, "VALUE %q", &value)
	return value, err
}

// Set sets the value of the key.
func (c *Conn) Set(ctx context.Context, key, value string) error {
	_, err := c.ask(ctx, fmt.Sprintf("SET %q %q", key, value))
	return err
}

// Ping asks for a sign of life.
func (c *Conn) Ping(ctx context.Context) error {
	_, err := c.ask(ctx, "PING")
	return err
}

// ask sends a request and returns the answer.
func (c *Conn) ask(ctx context.Context, request string) (answer string, err error) {
	// The end of ctx, by a deadline or a cancel, ends the write or the read below.
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	if _, err = fmt.Fprintln(c.conn, request); err == nil {
		answer, err = c.reader.ReadString('\n')
	}
	if !stop() { // also if the answer came: the next caller would find the deadline passed
		return "", ctx.Err()
	}
	if err != nil {
		return "", err
	}
	var milliseconds int
	switch _, busy := fmt.Sscanf(answer, "BUSY %d", &milliseconds); {
	case busy == nil:
		return "", &BusyError{time.Duration(milliseconds) * time.Millisecond}
	case answer == "NOTFOUND\n":
		return "", ErrNotFound
	case answer == "DENIED\n":
		return "", ErrDenied
	}
	return answer, nil
}
