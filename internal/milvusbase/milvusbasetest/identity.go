// SPDX-License-Identifier: Apache-2.0

// Package milvusbasetest has what the tests of the adapters of Milvus share.
package milvusbasetest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/milvusbase"
)

// Identity is a certificate of 127.0.0.1 that stands for one side of a connection, and
// trusts itself.
type Identity struct {
	Cert  tls.Certificate
	Trust *x509.CertPool
}

// NewIdentity returns an identity that no other one trusts.
func NewIdentity(t *testing.T) Identity {
	t.Helper()
	cert, trust := Certificate(t)
	return Identity{cert, trust}
}

// Certificate returns a certificate of 127.0.0.1 for either side, and what trusts it.
func Certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
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

// Mutual returns the configuration of a server that has the identity, and takes clients
// with it alone.
func (i Identity) Mutual() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{i.Cert}, ClientCAs: i.Trust, ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"h2"}}
}

// Write puts the certificate and its key into the files.
func (i Identity) Write(t *testing.T, files milvusbase.TLSFiles) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(i.Cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Cert.Certificate[0]})
	WriteFile(t, files.CA, cert)
	WriteFile(t, files.Cert, cert)
	WriteFile(t, files.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
}

// WriteFile writes a file.
func WriteFile(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TLSFiles returns the names of files, which are not there, and a Logger that writes to
// logs.
func TLSFiles(t *testing.T, logs *bytes.Buffer) milvusbase.TLSFiles {
	t.Helper()
	dir := t.TempDir()
	return milvusbase.TLSFiles{
		CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"),
		Logger: slog.New(slog.NewTextHandler(logs, nil)),
	}
}
