// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"

	"github.com/penstock-go/penstock/internal/milvusbase"
	"github.com/penstock-go/penstock/pool/milvus/milvuserr"
)

// Secret is a text that nothing prints: not a verb of fmt, not a logger, an encoder or
// a dump by reflection, wherever a value holds the Secret. The zero Secret is no
// secret. Two Secrets of the same text are equal.
type Secret = milvusbase.Secret

// NewSecret returns text as a Secret. An empty text gives the zero Secret.
func NewSecret(text string) Secret { return milvusbase.NewSecret(text) }

// Credentials say who a connection belongs to: a user with a password, or an API key.
// The zero Credentials are for a server that does not authenticate.
type Credentials = milvusbase.Credentials

// TLSFiles name PEM files for an encrypted connection. They are read for each handshake,
// so that a file that was replaced holds from the next connection on. Connections that
// are there keep what they were made with; pool.Pool.Reset replaces them all. A file that
// cannot be used leaves those in force that were read before.
type TLSFiles = milvusbase.TLSFiles

// credentials returns the present credentials for a dial.
func (c Config) credentials(ctx context.Context) (Credentials, error) {
	if c.Credentials == nil {
		return Credentials{Username: c.Username, Password: c.Password, APIKey: c.APIKey}, nil
	}
	present, err := c.Credentials(ctx)
	if err == nil {
		err = milvusbase.FaultsOf(present).Err("what Config.Credentials returned")
	}
	if err != nil {
		return Credentials{}, milvuserr.NoCredentials(err)
	}
	return present, nil
}
