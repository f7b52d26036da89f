// SPDX-License-Identifier: Apache-2.0

package milvusbase_test

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"net"
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc/credentials"

	"github.com/penstock-go/penstock/internal/milvusbase"
	"github.com/penstock-go/penstock/internal/milvusbase/milvusbasetest"
)

// handshake returns the error of a handshake with a server, on either side. The two sides
// may write at the same time, so that a net.Pipe would not do.
func handshake(t *testing.T, creds credentials.TransportCredentials, server milvusbasetest.Identity) error {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		client.Close()
		t.Fatal(err)
	}
	cfg := server.Mutual()
	cfg.SessionTicketsDisabled = true // the server would send one after the handshake
	result := make(chan error, 1)
	go func() {
		defer accepted.Close()
		result <- tls.Server(accepted, cfg).HandshakeContext(t.Context())
	}()
	_, _, err = creds.ClientHandshake(t.Context(), l.Addr().String(), client)
	client.Close() // the server may wait for more
	return cmp.Or(err, <-result)
}

func TestABadTLSFileLeavesTheOldInForceAndIsToldOnce(t *testing.T) {
	one, other := milvusbasetest.NewIdentity(t), milvusbasetest.NewIdentity(t)
	for name, spoil := range map[string]func(milvusbase.TLSFiles){
		"garbage": func(f milvusbase.TLSFiles) { milvusbasetest.WriteFile(t, f.CA, []byte("garbage")) },
		"gone":    func(f milvusbase.TLSFiles) { os.Remove(f.CA) },
		"key of another": func(f milvusbase.TLSFiles) {
			cert, _ := os.ReadFile(f.CA)
			other.Write(t, f)
			milvusbasetest.WriteFile(t, f.Cert, cert)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var logs bytes.Buffer
			files := milvusbasetest.TLSFiles(t, &logs)
			one.Write(t, files)
			creds := milvusbase.NewTLS(nil, files)

			spoil(files) // before the first handshake
			for range 3 {
				if err := handshake(t, creds.Clone(), one); err != nil {
					t.Errorf("the handshake failed: %v", err)
				}
			}
			if n := strings.Count(logs.String(), "level=WARN"); n != 1 || !strings.Contains(logs.String(), files.CA) && !strings.Contains(logs.String(), files.Key) {
				t.Errorf("the log has %d warnings, want 1 with the file: %s", n, &logs)
			}
			if err := handshake(t, creds, other); err == nil || !strings.Contains(err.Error(), "TLSFiles.") {
				t.Errorf("handshake with a server that refuses what is in force = %v, want the file in it", err)
			}
			other.Write(t, files)
			for range 2 {
				if err := handshake(t, creds, other); err != nil {
					t.Errorf("handshake with good files = %v", err)
				}
			}
			if n := strings.Count(logs.String(), "level=INFO"); n != 1 {
				t.Errorf("the log says %d times that the files are good, want once: %s", n, &logs)
			}
		})
	}
}

func TestTLSFilesThatAreOfNoUseAreFaults(t *testing.T) {
	i := milvusbasetest.NewIdentity(t)
	files := milvusbasetest.TLSFiles(t, new(bytes.Buffer))
	i.Write(t, files)
	for want, cfg := range map[string]struct {
		base  *tls.Config
		files milvusbase.TLSFiles
	}{
		"no such file":          {nil, milvusbase.TLSFiles{CA: "nowhere.pem"}},
		"no certificate in PEM": {nil, milvusbase.TLSFiles{CA: files.Key}},
		"need each other":       {nil, milvusbase.TLSFiles{Cert: files.Cert}},
		"Key (tls.key_file)":    {nil, milvusbase.TLSFiles{Cert: files.Cert, Key: "nowhere.pem"}},
		"tls.cert_file and":     {nil, milvusbase.TLSFiles{Cert: files.Cert, Key: files.Cert}},
		"beside TLS.RootCAs":    {&tls.Config{RootCAs: i.Trust}, milvusbase.TLSFiles{CA: files.CA}},
		"beside a certificate":  {&tls.Config{Certificates: []tls.Certificate{i.Cert}}, files},
	} {
		err := milvusbase.FaultsOfTLS(cfg.base, cfg.files).Err("milvus")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("the faults are %v, want %q in them", err, want)
		}
	}
	if err := milvusbase.FaultsOfTLS(nil, files).Err("milvus"); err != nil {
		t.Errorf("good files have the faults %v", err)
	}
}
