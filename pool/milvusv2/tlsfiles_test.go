// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

// identity is a certificate that stands for one side of a connection, and trusts itself.
type identity struct {
	cert  tls.Certificate
	trust *x509.CertPool
}

func newIdentity(t *testing.T) identity {
	t.Helper()
	cert, trust := certificate(t)
	return identity{cert, trust}
}

// write puts the certificate and its key into the files.
func (i identity) write(t *testing.T, files milvusv2.TLSFiles) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(i.cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Certificate[0]})
	writeFile(t, files.CA, cert)
	writeFile(t, files.Cert, cert)
	writeFile(t, files.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
}

func writeFile(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func tlsFiles(t *testing.T, logs *bytes.Buffer) milvusv2.TLSFiles {
	t.Helper()
	dir := t.TempDir()
	return milvusv2.TLSFiles{
		CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"),
		Logger: slog.New(slog.NewTextHandler(logs, nil)),
	}
}

// startMutual starts a server that has the present identity, and takes clients with it.
func startMutual(t *testing.T, present *atomic.Pointer[identity]) *milvustest.Server {
	t.Helper()
	return start(t, milvustest.Config{TLS: &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		i := present.Load()
		return &tls.Config{
			Certificates: []tls.Certificate{i.cert}, ClientCAs: i.trust, ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"h2"},
		}, nil
	}}})
}

func redial(t *testing.T, f *milvusv2.Factory) error {
	t.Helper()
	c, err := f.Dial(t.Context())
	if err != nil {
		return err
	}
	if err := ping(t, c); err != nil {
		t.Error(err)
	}
	return f.Close(t.Context(), c)
}

func TestReplacedTLSFilesHoldFromTheNextConnectionOn(t *testing.T) {
	before, after := newIdentity(t), newIdentity(t)
	var present atomic.Pointer[identity]
	present.Store(&before)
	srv := startMutual(t, &present)
	var logs bytes.Buffer
	files := tlsFiles(t, &logs)
	before.write(t, files)
	f := newFactory(t, milvusv2.Config{Address: srv.Addr(), TLSFiles: files})
	c := dial(t, f)

	present.Store(&after)
	if err := redial(t, f); !errors.Is(err, milvusv2.ErrTLS) {
		t.Errorf("Dial with the old files = %v, want ErrTLS", err)
	}
	after.write(t, files)
	if err := redial(t, f); err != nil {
		t.Errorf("Dial with the new files = %v", err)
	}
	if err := ping(t, c); err != nil {
		t.Errorf("Ping on the connection from before = %v", err)
	}
	if logs.Len() > 0 {
		t.Errorf("the log has %s", &logs)
	}
}

func TestABadTLSFileLeavesTheOldInForceAndIsToldOnce(t *testing.T) {
	one, other := newIdentity(t), newIdentity(t)
	for name, spoil := range map[string]func(milvusv2.TLSFiles){
		"garbage":        func(f milvusv2.TLSFiles) { writeFile(t, f.CA, []byte("garbage")) },
		"gone":           func(f milvusv2.TLSFiles) { os.Remove(f.CA) },
		"key of another": func(f milvusv2.TLSFiles) { cert, _ := os.ReadFile(f.CA); other.write(t, f); writeFile(t, f.Cert, cert) },
	} {
		t.Run(name, func(t *testing.T) {
			var present atomic.Pointer[identity]
			present.Store(&one)
			srv := startMutual(t, &present)
			var logs bytes.Buffer
			files := tlsFiles(t, &logs)
			one.write(t, files)
			f := newFactory(t, milvusv2.Config{Address: srv.Addr(), TLSFiles: files})

			spoil(files) // before the first dial
			for range 3 {
				if err := redial(t, f); err != nil {
					t.Errorf("Dial = %v", err)
				}
			}
			if n := strings.Count(logs.String(), "level=WARN"); n != 1 || !strings.Contains(logs.String(), files.CA) && !strings.Contains(logs.String(), files.Key) {
				t.Errorf("the log has %d warnings, want 1 with the file: %s", n, &logs)
			}
			present.Store(&other)
			if err := redial(t, f); !errors.Is(err, milvusv2.ErrTLS) || !strings.Contains(err.Error(), "TLSFiles.") {
				t.Errorf("Dial of a server that refuses what is in force = %v, want ErrTLS and the file", err)
			}
			other.write(t, files)
			for range 2 {
				if err := redial(t, f); err != nil {
					t.Errorf("Dial with good files = %v", err)
				}
			}
			if n := strings.Count(logs.String(), "level=INFO"); n != 1 {
				t.Errorf("the log says %d times that the files are good, want once: %s", n, &logs)
			}
		})
	}
}

func TestTheLoggerOfTheClientIsToldOfABadTLSFile(t *testing.T) {
	i := newIdentity(t)
	var present atomic.Pointer[identity]
	present.Store(&i)
	srv := startMutual(t, &present)
	files := tlsFiles(t, nil)
	i.write(t, files)
	files.Logger = nil
	var logs bytes.Buffer
	client, err := milvusv2.Open(t.Context(), milvusv2.Config{Address: srv.Addr(), TLSFiles: files},
		penstock.Config{Logger: slog.New(slog.NewTextHandler(&logs, nil))})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, files.Key, []byte("garbage"))
	client.Pool().Reset("new files") // so that the next operation dials
	_, err = core.Do(t.Context(), client, milvusv2.ListCollections(), func(ctx context.Context, c *milvusv2.Conn) (any, error) {
		return nil, ping(t, c)
	})
	if err != nil {
		t.Errorf("Do = %v", err)
	}
	if err := client.Close(t.Context()); err != nil { // no dial is under way then
		t.Error(err)
	}
	if n := strings.Count(logs.String(), files.Key); n != 1 {
		t.Errorf("the log of the client names the file %d times, want once: %s", n, &logs)
	}
}

func TestTLSFilesThatAreOfNoUseAreFaultsOfTheConfiguration(t *testing.T) {
	i := newIdentity(t)
	files := tlsFiles(t, new(bytes.Buffer))
	i.write(t, files)
	for want, cfg := range map[string]milvusv2.Config{
		"no such file":          {TLSFiles: milvusv2.TLSFiles{CA: "nowhere.pem"}},
		"no certificate in PEM": {TLSFiles: milvusv2.TLSFiles{CA: files.Key}},
		"need each other":       {TLSFiles: milvusv2.TLSFiles{Cert: files.Cert}},
		"Key (tls.key_file)":    {TLSFiles: milvusv2.TLSFiles{Cert: files.Cert, Key: "nowhere.pem"}},
		"tls.cert_file and":     {TLSFiles: milvusv2.TLSFiles{Cert: files.Cert, Key: files.Cert}},
		"beside TLS.RootCAs":    {TLSFiles: milvusv2.TLSFiles{CA: files.CA}, TLS: &tls.Config{RootCAs: i.trust}},
		"beside a certificate":  {TLSFiles: files, TLS: &tls.Config{Certificates: []tls.Certificate{i.cert}}},
	} {
		if _, err := milvusv2.NewFactory(cfg); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("NewFactory = %v, want %q in it", err, want)
		}
	}
}
