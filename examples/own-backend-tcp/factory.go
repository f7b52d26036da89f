// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
)

// Dialer makes connections for the pool. It has all four methods that a factory
// may have; Dial and Close are required.
type Dialer struct{ Address, User, Password string }

// Dial connects and signs in.
func (d Dialer) Dial(ctx context.Context) (*Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.Address)
	if err != nil {
		return nil, err
	}
	c := newConn(conn)
	if _, err := c.ask(ctx, fmt.Sprintf("AUTH %q %q", d.User, d.Password)); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

// Close closes the connection.
func (Dialer) Close(_ context.Context, c *Conn) error { return c.conn.Close() }

// Alive reports whether the connection can be lent: nobody has closed it, and no
// answer lies in it that an earlier caller did not wait for.
func (Dialer) Alive(c *Conn) bool { return c.reader.Buffered() == 0 && silent(c.conn) }

// Ping asks the server for a sign of life.
func (Dialer) Ping(ctx context.Context, c *Conn) error { return c.Ping(ctx) }
