// SPDX-License-Identifier: Apache-2.0

package milvusbase

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"

	"google.golang.org/grpc/credentials"

	"github.com/penstock-go/penstock/internal/fault"
)

// TLSFiles name PEM files for an encrypted connection. They are read for each handshake,
// so that a file that was replaced holds from the next connection on. Connections that
// are there keep what they were made with; pool.Pool.Reset replaces them all. A file that
// cannot be used leaves those in force that were read before.
type TLSFiles struct {
	// CA has the certificates to trust. Empty means those of Config.TLS, or of the system.
	CA string
	// Cert and Key have the certificate of the client and its key, for mutual TLS.
	Cert, Key string
	// Logger is told once of a file that cannot be used, and once when it can again. Nil
	// is the logger of the client, or else slog.Default().
	Logger *slog.Logger `json:"-"`
}

// HasTLS reports whether connections are encrypted.
func HasTLS(base *tls.Config, files TLSFiles) bool { return base != nil || files.given() }

func (f TLSFiles) given() bool { return f.CA != "" || f.Cert != "" || f.Key != "" }

// FaultsOfTLS returns what is wrong with files, beside the rest of the configuration. It
// reads them.
func FaultsOfTLS(base *tls.Config, files TLSFiles) fault.List {
	var faults fault.List
	if (files.Cert == "") != (files.Key == "") {
		faults.Add("TLSFiles: Cert and Key (tls.cert_file and tls.key_file) need each other: set both, or none")
	}
	if base != nil && base.RootCAs != nil && files.CA != "" {
		faults.Add("TLSFiles.CA is set beside TLS.RootCAs: leave one or the other out")
	}
	if base != nil && (len(base.Certificates) > 0 || base.GetClientCertificate != nil) && files.Cert != "" {
		faults.Add("TLSFiles.Cert is set beside a certificate in TLS: leave one or the other out")
	}
	for _, err := range files.read().faults {
		faults.Add("%w: correct the file or its name", err)
	}
	return faults
}

// read reads the files.
func (f TLSFiles) read() *material {
	m := &material{}
	if f.CA != "" {
		text := m.file("TLSFiles.CA (tls.ca_file)", f.CA)
		if m.trust = x509.NewCertPool(); text != nil && !m.trust.AppendCertsFromPEM(text) {
			m.faults = append(m.faults, fmt.Errorf("TLSFiles.CA (tls.ca_file): no certificate in PEM form in %s", f.CA))
		}
	}
	if f.Cert != "" && f.Key != "" {
		cert := m.file("TLSFiles.Cert (tls.cert_file)", f.Cert)
		key := m.file("TLSFiles.Key (tls.key_file)", f.Key)
		if cert != nil && key != nil {
			var err error
			if m.pair, err = tls.X509KeyPair(cert, key); err != nil {
				m.faults = append(m.faults, fmt.Errorf("TLSFiles.Cert %s and Key %s (tls.cert_file and tls.key_file): %w", f.Cert, f.Key, err))
			}
		}
	}
	return m
}

// material is what the files had in them at one time.
type material struct {
	sum    [sha256.Size]byte // of all files
	trust  *x509.CertPool
	pair   tls.Certificate
	faults []error
}

// file returns what is in a file, nil if it cannot be read.
func (m *material) file(field, name string) []byte {
	text, err := os.ReadFile(name)
	if err != nil {
		m.faults = append(m.faults, fmt.Errorf("%s: %w", field, err))
		return nil
	}
	m.sum = sha256.Sum256(append(m.sum[:], text...))
	return append([]byte{}, text...) // not nil
}

// NewTLS returns the credentials of connections, nil for plain text.
func NewTLS(base *tls.Config, files TLSFiles) credentials.TransportCredentials {
	switch {
	case !HasTLS(base, files):
		return nil
	case !files.given():
		return credentials.NewTLS(base) // clones it
	case base == nil:
		base = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	r := &reloader{files: files, base: base.Clone()}
	_, _, _ = r.present() // so that they are in force from now on; FaultsOfTLS has the error
	return &fileCredentials{credentials.NewTLS(base), r}
}

// fileCredentials make each handshake with what the files have in them then.
type fileCredentials struct {
	credentials.TransportCredentials // without the files
	*reloader
}

func (c *fileCredentials) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	cfg, unused, err := c.present()
	if err != nil {
		return nil, nil, err
	}
	conn, info, err := credentials.NewTLS(cfg).ClientHandshake(ctx, authority, raw)
	if err != nil && unused != nil {
		err = fmt.Errorf("%w; the files that were read before were in force, because of %w", err, unused)
	}
	return conn, info, err
}

func (c *fileCredentials) Clone() credentials.TransportCredentials {
	return &fileCredentials{c.TransportCredentials.Clone(), c.reloader}
}

// reloader reads the files of one factory.
type reloader struct {
	files TLSFiles
	base  *tls.Config

	mu    sync.Mutex // guards the fields below
	sum   [sha256.Size]byte
	inUse *tls.Config // nil before the files could be used once
	told  string      // the fault that was told last, "" if the files could be used since
}

// present returns a configuration of its own for a handshake. unused is why the present
// files are not in it.
func (r *reloader) present() (cfg *tls.Config, unused, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.files.read()
	if unused = fault.Join(now.faults...); unused != nil {
		if r.inUse == nil {
			return nil, nil, unused
		}
		if r.told != unused.Error() {
			r.told = unused.Error()
			r.logger().Warn("penstock: the new TLS files cannot be used: those read before stay in force", "error", unused)
		}
		return r.inUse.Clone(), unused, nil
	}
	if r.told != "" {
		r.told = ""
		r.logger().Info("penstock: the TLS files can be used again")
	}
	if r.inUse == nil || r.sum != now.sum {
		r.sum, r.inUse = now.sum, r.base.Clone()
		if now.trust != nil {
			r.inUse.RootCAs = now.trust
		}
		if r.files.Cert != "" {
			r.inUse.Certificates = []tls.Certificate{now.pair}
		}
	}
	return r.inUse.Clone(), nil, nil
}

func (r *reloader) logger() *slog.Logger { return cmp.Or(r.files.Logger, slog.Default()) }
