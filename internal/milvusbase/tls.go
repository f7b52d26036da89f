// SPDX-License-Identifier: Apache-2.0

package milvusbase

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"google.golang.org/grpc/credentials"

	"github.com/penstock-go/penstock/pool/milvus/milvuserr"
)

var (
	errNeedsTLS = fmt.Errorf("%w: the server speaks TLS, and Config.TLS is nil (in a file: tls.enabled is not true)", milvuserr.ErrTLS)
	errNoTLS    = fmt.Errorf("%w: the server does not speak TLS: leave Config.TLS nil for it (in a file: tls.enabled)", milvuserr.ErrTLS)
)

// handshaker ends the dial when a handshake has failed for good. Without it gRPC
// would try again until the context ends. The handshaker of a connection without TLS
// has the credentials of package insecure.
type handshaker struct {
	credentials.TransportCredentials
	*handshakes
}

// handshakes are the handshakes of one dial.
type handshakes struct {
	dialing context.Context
	giveUp  context.CancelCauseFunc // has no effect after the dial
	tls     bool

	transports *Transports

	mu        sync.Mutex
	unheard   bool // whether the server closed a connection and said nothing; guarded by mu
	hasProbed bool // guarded by mu
}

func (h *handshaker) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if h.mayProbe() {
		return nil, nil, h.probe(ctx, authority, raw)
	}
	conn, info, err := h.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		h.transports.fail(err)
		h.judge(err)
		h.closed()
		return nil, nil, err
	}
	if !h.tls {
		// There is no handshake without TLS. If there is another call in this dial, the
		// server has closed this connection without a word.
		h.closed()
		return h.transports.Connected(conn), info, nil
	}
	return h.transports.Connected(&alertConn{conn, h}), info, nil
}

func (h *handshaker) Clone() credentials.TransportCredentials {
	return &handshaker{h.TransportCredentials.Clone(), h.handshakes}
}

// closed takes note that the server may have closed a connection and said nothing.
func (h *handshakes) closed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unheard = true
}

// mayProbe reports whether the next connection is for a probe: a server that expects
// TLS, or does not, often closes the connection of the other kind without a word. One
// connection of each dial is for a probe at most, and none after the dial.
func (h *handshakes) mayProbe() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.unheard || h.hasProbed || h.dialing.Err() != nil {
		return false
	}
	h.hasProbed = true
	return true
}

// probe finds out whether the server speaks TLS if the dial is without, and the other
// way round. If it does, the dial ends. A probe sends no data of the application.
func (h *handshakes) probe(ctx context.Context, authority string, raw net.Conn) error {
	switch {
	case h.tls && speaksHTTP(ctx, raw):
		h.giveUp(milvuserr.Final(errNoTLS))
	case !h.tls && speaksTLS(ctx, authority, raw):
		h.giveUp(milvuserr.Final(errNeedsTLS))
	}
	return errors.New("the server closed the connection, with TLS and without")
}

// speaksTLS reports whether the server answers a TLS handshake. The handshake goes no
// further than to the certificate of the server, because no certificate is trusted.
func speaksTLS(ctx context.Context, authority string, raw net.Conn) bool {
	name, _, err := net.SplitHostPort(authority)
	if err != nil {
		name = authority
	}
	cfg := &tls.Config{ServerName: name, RootCAs: x509.NewCertPool(), NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}
	err = tls.Client(raw, cfg).HandshakeContext(ctx)
	_, other := errors.AsType[tls.RecordHeaderError](err)
	return err == nil || finalHandshakeError(err) && !other
}

// preface is how a client begins to speak HTTP/2, with a frame of no settings.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// speaksHTTP reports whether the server answers in HTTP without TLS.
func speaksHTTP(ctx context.Context, raw net.Conn) bool {
	defer context.AfterFunc(ctx, func() { raw.Close() })() // gRPC closes it too
	if _, err := io.WriteString(raw, preface); err != nil {
		return false
	}
	var head [9]byte // of a frame
	if _, err := io.ReadFull(raw, head[:]); err != nil {
		return false
	}
	const settings = 4
	return head[3] == settings && binary.BigEndian.Uint32(head[5:]) == 0 || bytes.HasPrefix(head[:], []byte("HTTP/1."))
}

// judge ends the dial if err is the error of a handshake that failed for good.
func (h *handshakes) judge(err error) {
	if !h.tls || !finalHandshakeError(err) {
		return
	}
	if _, plain := errors.AsType[tls.RecordHeaderError](err); plain {
		h.giveUp(milvuserr.Final(fmt.Errorf("%w: %w", errNoTLS, err)))
		return
	}
	h.giveUp(milvuserr.Final(fmt.Errorf("%w: %w%s", milvuserr.ErrTLS, err, remedy(err))))
}

// remedy returns what to do about a certificate that one side refused, "" if no
// certificate is the cause.
func remedy(err error) string {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return ": trust its issuer by TLSFiles.CA or TLS.RootCAs, and let TLS.ServerName be a name of the certificate"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" && strings.Contains(err.Error(), "certificate") {
		return ": give a certificate that the server accepts by TLSFiles.Cert and Key, or TLS.Certificates"
	}
	return ""
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
