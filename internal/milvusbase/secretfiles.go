// SPDX-License-Identifier: Apache-2.0

package milvusbase

import (
	"fmt"
	"os"
	"strings"

	"github.com/penstock-go/penstock/internal/fault"
)

// SecretFiles name files that hold the secrets of [Credentials]. An empty name is no file.
type SecretFiles struct{ Password, APIKey string }

// Given reports whether there is a file.
func (f SecretFiles) Given() bool { return f != SecretFiles{} }

// Read returns c with the secrets that the files have now. The line end of a secret is
// not a part of it.
func (f SecretFiles) Read(c Credentials) (_ Credentials, err error) {
	for _, file := range []struct {
		name string
		to   *Secret
	}{{f.Password, &c.Password}, {f.APIKey, &c.APIKey}} {
		if file.name == "" {
			continue
		}
		text, readErr := os.ReadFile(file.name)
		secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
		if readErr == nil && secret == "" {
			readErr = fmt.Errorf("%s is empty: write the secret into it", file.name)
		}
		*file.to, err = NewSecret(secret), fault.Join(err, readErr)
	}
	return c, err
}

// Check returns what Read returns, and what is wrong with the files. The credentials are
// zero if a file cannot be read.
func (f SecretFiles) Check(c Credentials) (Credentials, fault.List) {
	var faults fault.List
	if f.Password != "" && c.Password != (Secret{}) {
		faults.Add("Password and PasswordFile are both set: leave one out")
	}
	if f.APIKey != "" && c.APIKey != (Secret{}) {
		faults.Add("APIKey and APIKeyFile are both set: leave one out")
	}
	present, err := f.Read(c)
	if err == nil {
		return present, faults
	}
	name := "PasswordFile"
	if f.Password == "" {
		name = "APIKeyFile"
	}
	faults.Add("%s: %v: correct the file or its name", name, err)
	return Credentials{}, faults
}
