// SPDX-License-Identifier: Apache-2.0

package milvusv2

import (
	"context"
	"crypto/tls"
	"errors"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/internal/fault"
	"github.com/penstock-go/penstock/internal/milvusbase"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/endpoint"
	"github.com/penstock-go/penstock/pool/lane"
)

// Settings are what a configuration file says of the server, in its section "milvus".
// Package fxmodule/config reads them, if its Options.Sections has {"milvus": Settings{}}.
// Each field means what the field of [Config] with that name means.
type Settings struct {
	Address   string
	Addresses []string
	// Lanes is "read_write" for lane.ReadWrite(), or empty.
	Lanes    string
	Database string
	Username string
	Password Secret `config:"password,secret"`
	// PasswordFile and APIKeyFile name files that hold the secret. A file is read for each
	// dial: a file that was replaced holds from the next connection on.
	PasswordFile string
	APIKey       Secret `config:"api_key,secret"`
	APIKeyFile   string

	PropagationDisabled bool
	QueryText           bool

	TLS       TLSSettings
	Endpoints endpoint.Detection
}

// TLSSettings are what a configuration file says of an encrypted connection. The files are
// explained at [TLSFiles].
type TLSSettings struct {
	// Enabled encrypts the connections.
	Enabled                   bool
	CAFile, CertFile, KeyFile string
	// ServerName is the name that the server's certificate must have, in place of the
	// host of the address.
	ServerName string
}

// Config returns the configuration that s and p make.
func (s Settings) Config(p pool.Config) Config {
	cfg := Config{
		Address: s.Address, Addresses: s.Addresses, Endpoints: s.Endpoints, Database: s.Database,
		Username: s.Username, Password: s.Password, APIKey: s.APIKey,
		PropagationDisabled: s.PropagationDisabled, QueryText: s.QueryText, Pool: p,
	}
	if s.Lanes != "" {
		cfg.Lanes = lane.ReadWrite()
	}
	if s.TLS.Enabled {
		cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.TLS.ServerName}
		cfg.TLSFiles = TLSFiles{CA: s.TLS.CAFile, Cert: s.TLS.CertFile, Key: s.TLS.KeyFile}
	}
	if files := s.files(); files.Given() {
		cfg.Username, cfg.Password, cfg.APIKey = "", Secret{}, Secret{}
		cfg.Credentials = func(context.Context) (Credentials, error) { return files.Read(s.credentials()) }
	}
	return cfg
}

// credentials returns the credentials without the files.
func (s Settings) credentials() Credentials {
	return Credentials{Username: s.Username, Password: s.Password, APIKey: s.APIKey}
}

func (s Settings) files() milvusbase.SecretFiles {
	return milvusbase.SecretFiles{Password: s.PasswordFile, APIKey: s.APIKeyFile}
}

// Check returns an error that names all that is wrong with a client of s, p and client,
// a fault a line. It connects to nothing, shows no client to Watchers, and reads the
// files that s names.
func (s Settings) Check(p pool.Config, client penstock.Config) error {
	var faults fault.List
	if s.Lanes != "" && s.Lanes != "read_write" {
		faults.Add("Lanes is %q, want read_write: correct the text, or leave it out", s.Lanes)
	}
	if off := s.TLS; !off.Enabled && off != (TLSSettings{}) {
		faults.Add("TLS.Enabled is not true, and there are other settings for TLS: set it, or leave them out")
	}
	present, secretFaults := s.files().Check(s.credentials())
	faults = append(faults, secretFaults...)
	cfg := s.Config(p)
	cfg.Username, cfg.Password, cfg.APIKey, cfg.Credentials = present.Username, present.Password, present.APIKey, nil
	b, err := cfg.Backend()
	client.Watchers = nil // the client is made for its faults alone
	_, clientErr := penstock.New(b, client)
	return errors.Join(faults.Err("milvus"), err, clientErr)
}
