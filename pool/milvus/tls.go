// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"google.golang.org/grpc/credentials"

	"github.com/penstock-go/penstock/core"
)

// ErrCertificate is matched by the error of a dial whose TLS handshake failed for
// good: another dial would fail too. Examples are a certificate that one side does
// not accept, and a server without TLS. It is a core.ErrConnection.
var ErrCertificate = core.Sentinel("TLS handshake failed", "", core.ErrConnection)

// handshaker ends the dial when a handshake has failed for good. Without it gRPC
// would try again until the context ends.
type handshaker struct {
	credentials.TransportCredentials
	giveUp context.CancelCauseFunc // has no effect after the dial
}

func (h *handshaker) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := h.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		h.judge(err)
		return nil, nil, err
	}
	return &alertConn{conn, h}, info, nil
}

func (h *handshaker) Clone() credentials.TransportCredentials {
	return &handshaker{h.TransportCredentials.Clone(), h.giveUp}
}

// judge ends the dial if err is the error of a handshake that failed for good.
func (h *handshaker) judge(err error) {
	if finalHandshakeError(err) {
		h.giveUp(&finalError{fmt.Errorf("%w: %w", ErrCertificate, err)})
	}
}

// finalHandshakeError reports whether one side refused the handshake. Otherwise the
// network or a context ended it.
func finalHandshakeError(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op == "remote error" || op.Op == "local error" // a TLS alert
	}
	return !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) &&
		!errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// alertConn detects TLS alerts after the handshake. In TLS 1.3 a server refuses the
// certificate of a client only after the client has completed its handshake.
type alertConn struct {
	net.Conn
	h *handshaker
}

func (c *alertConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
			c.h.judge(err)
		}
	}
	return n, err
}
