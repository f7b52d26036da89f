// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/tls"
	"errors"

	"github.com/penstock-go/penstock/pool/milvus"
)

// tlsFiles holds the settings of an encrypted connection.
type tlsFiles struct {
	enabled       bool
	ca, cert, key string // names of PEM files
	serverName    string
}

// set puts the settings into a configuration, which reads the files for each handshake.
func (f tlsFiles) set(cfg *milvus.Config) error {
	if !f.enabled {
		if f != (tlsFiles{}) {
			return errors.New("there are settings for TLS, but tls.enabled is not true: set it, or leave them out")
		}
		return nil
	}
	cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: f.serverName}
	cfg.TLSFiles = milvus.TLSFiles{CA: f.ca, Cert: f.cert, Key: f.key}
	return nil
}
