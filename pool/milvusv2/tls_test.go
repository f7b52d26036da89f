// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

// certificate returns a self-signed one for 127.0.0.1, and a pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "test"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	trust := x509.NewCertPool()
	trust.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, trust
}

func TestTLSAndMutualTLSWork(t *testing.T) {
	cert, trust := certificate(t)
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
	cert, trust := certificate(t)
	_, stranger := certificate(t)
	secure := start(t, milvustest.Config{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	mutual := start(t, milvustest.Config{TLS: &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientCAs: trust, ClientAuth: tls.RequireAndVerifyClientCert,
	}})
	plain := start(t, milvustest.Config{})

	for name, c := range map[string]struct {
		srv   *milvustest.Server
		cfg   *tls.Config
		cause string
	}{
		"of the server, unknown":    {secure, &tls.Config{RootCAs: stranger}, "x509"},
		"of the server, other name": {secure, &tls.Config{RootCAs: trust, ServerName: "milvus.example"}, "x509"},
		"of the client, not given":  {mutual, &tls.Config{RootCAs: trust}, "certificate required"},
		"by a server without TLS":   {plain, &tls.Config{RootCAs: trust}, "does not look like a TLS handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			e := dialError(t, milvusv2.Config{Address: c.srv.Addr(), TLS: c.cfg})
			if !errors.Is(e, milvusv2.ErrTLS) || !errors.Is(e, core.ErrConnection) || errors.Is(e, core.ErrUnavailable) {
				t.Errorf("Dial = %v, want ErrTLS, and not core.ErrUnavailable", e)
			}
			if !strings.Contains(e.Error(), c.cause) || !strings.Contains(e.Error(), c.srv.Addr()) {
				t.Errorf("Dial = %v, want it to say %q and the address", e, c.cause)
			}
			_, typed := errors.AsType[*tls.CertificateVerificationError](e)
			if typed != (c.cause == "x509") {
				t.Errorf("%v has a *tls.CertificateVerificationError: %v", e, typed)
			}
			wantClass(t, e, useless)
		})
	}
}
