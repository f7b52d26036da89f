// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/milvusbase/milvusbasetest"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

func TestTLSAndMutualTLSWork(t *testing.T) {
	cert, trust := milvusbasetest.Certificate(t)
	srv := start(t, milvustest.Config{TLS: &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientCAs: trust, ClientAuth: tls.RequireAndVerifyClientCert,
	}})
	c := dial(t, newFactory(t, milvusv2.Config{
		Address: srv.Addr(), TLS: &tls.Config{RootCAs: trust, Certificates: []tls.Certificate{cert}},
	}))
	if err := ping(t, c); err != nil {
		t.Errorf("Ping = %v", err)
	}
}

func TestARefusedCertificateEndsTheDialAtOnce(t *testing.T) {
	cert, trust := milvusbasetest.Certificate(t)
	_, stranger := milvusbasetest.Certificate(t)
	secure := start(t, milvustest.Config{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	mutual := start(t, milvustest.Config{TLS: &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientCAs: trust, ClientAuth: tls.RequireAndVerifyClientCert,
	}})
	plain := start(t, milvustest.Config{})

	for name, c := range map[string]struct {
		srv   *milvustest.Server
		cfg   *tls.Config
		cause string
		cure  string
	}{
		"of the server, unknown":    {secure, &tls.Config{RootCAs: stranger}, "x509", "TLSFiles.CA"},
		"of the server, other name": {secure, &tls.Config{RootCAs: trust, ServerName: "milvus.example"}, "x509", "ServerName"},
		"of the client, not given":  {mutual, &tls.Config{RootCAs: trust}, "certificate required", "TLSFiles.Cert"},
		"by a server without TLS":   {plain, &tls.Config{RootCAs: trust}, "does not look like a TLS handshake", "Config.TLS nil"},
	} {
		t.Run(name, func(t *testing.T) {
			e := dialError(t, milvusv2.Config{Address: c.srv.Addr(), TLS: c.cfg})
			if !errors.Is(e, milvusv2.ErrTLS) || !errors.Is(e, core.ErrConnection) || errors.Is(e, core.ErrUnavailable) {
				t.Errorf("Dial = %v, want ErrTLS, and not core.ErrUnavailable", e)
			}
			if !strings.Contains(e.Error(), c.cause) || !strings.Contains(e.Error(), c.srv.Addr()) {
				t.Errorf("Dial = %v, want it to say %q and the address", e, c.cause)
			}
			if text := e.Error(); !strings.Contains(text, c.cure) || strings.Contains(text, "\n") {
				t.Errorf("Dial = %v, want it to say %q, in one line", e, c.cure)
			}
			_, typed := errors.AsType[*tls.CertificateVerificationError](e)
			if typed != (c.cause == "x509") {
				t.Errorf("%v has a *tls.CertificateVerificationError: %v", e, typed)
			}
			wantClass(t, e, useless)
		})
	}
}
