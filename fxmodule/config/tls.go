// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// tlsFiles holds the settings of an encrypted connection.
type tlsFiles struct {
	enabled       bool
	ca, cert, key string // names of PEM files
	serverName    string
}

// load returns the configuration made of the files; nil if TLS is off.
func (f tlsFiles) load() (*tls.Config, error) {
	if !f.enabled {
		if f != (tlsFiles{}) {
			return nil, errors.New("there are settings for TLS, but tls.enabled is not true: set it, or leave them out")
		}
		return nil, nil
	}
	var faults []error
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: f.serverName}
	if f.ca != "" {
		pem, err := os.ReadFile(f.ca)
		cfg.RootCAs = x509.NewCertPool()
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("tls.ca_file: %w", err))
		case !cfg.RootCAs.AppendCertsFromPEM(pem):
			faults = append(faults, fmt.Errorf("tls.ca_file: no certificate in %s", f.ca))
		}
	}
	switch {
	case (f.cert == "") != (f.key == ""):
		faults = append(faults, errors.New("tls.cert_file and tls.key_file need each other"))
	case f.cert != "":
		cert, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			faults = append(faults, fmt.Errorf("tls.cert_file and tls.key_file: %w", err))
		}
		cfg.Certificates = []tls.Certificate{cert}
	}
	return cfg, errors.Join(faults...)
}
