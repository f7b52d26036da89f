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

// ErrCertificate is matched by errors of dialing that say: the TLS handshake
// failed for a reason which dialing again does not change, such as a
// certificate that either side does not accept, or a server that speaks no TLS.
var ErrCertificate = core.Sentinel("TLS handshake failed", "", core.ErrConnection)

// handshaker ends the dialing once a handshake has failed for good. gRPC itself
// would try again until the time is up.
type handshaker struct {
	credentials.TransportCredentials
	giveUp context.CancelCauseFunc // does nothing once dialing is over
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

func (h *handshaker) judge(err error) {
	if finalHandshakeError(err) {
		h.giveUp(fmt.Errorf("%w: %w", ErrCertificate, err))
	}
}

// finalHandshakeError tells a refusal of either side from a network that failed.
func finalHandshakeError(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op == "remote error" || op.Op == "local error" // a TLS alert
	}
	return !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) &&
		!errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// alertConn notices alerts. In TLS 1.3 the server refuses the certificate of
// its client when the handshake is over for the client.
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
