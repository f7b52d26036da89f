// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/pool/milvus"
)

// keyPair writes a certificate and its key.
func keyPair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	certDER, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		name = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	return write("cert.pem", "CERTIFICATE", certDER), write("key.pem", "PRIVATE KEY", keyDER)
}

func TestTLS(t *testing.T) {
	cert, key := keyPair(t)
	cfg, _, err := load(file(t, fmt.Sprintf("milvus: {tls: {enabled: true, ca_file: %q, cert_file: %q, key_file: %q, server_name: milvus}}", cert, cert, key)))
	if err != nil {
		t.Fatal(err)
	}
	if c := cfg.TLS; c == nil || c.ServerName != "milvus" || c.MinVersion != tls.VersionTLS12 {
		t.Errorf("TLS = %+v", c)
	}
	if want := (milvus.TLSFiles{CA: cert, Cert: cert, Key: key}); cfg.TLSFiles != want {
		t.Errorf("TLSFiles = %+v, want %+v", cfg.TLSFiles, want)
	}
	if cfg, _, err = load(file(t, "milvus: {tls: {enabled: true}}")); err != nil || cfg.TLS == nil || cfg.TLSFiles != (milvus.TLSFiles{}) {
		t.Errorf("Load = %+v, %v, want the system's roots", cfg.TLS, err)
	}
}

func TestTLSFilesThatAreOfNoUseAreAllNamed(t *testing.T) {
	cert, key := keyPair(t)
	for text, want := range map[string][]string{
		fmt.Sprintf("{enabled: true, ca_file: %q, cert_file: %q}", key, cert): {"tls.ca_file): no certificate in PEM form in " + key, "need each other"},
		"{enabled: true, ca_file: nowhere.pem, key_file: nowhere.pem}":        {"tls.ca_file): open nowhere.pem", "need each other"},
		fmt.Sprintf("{enabled: true, cert_file: %q, key_file: %q}", key, key): {"(milvus.tls.cert_file and milvus.tls.key_file): "},
	} {
		_, _, err := load(file(t, "milvus: {tls: "+text+"}"))
		for _, want := range want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q in it", text, err, want)
			}
		}
	}
}
