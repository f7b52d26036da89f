// SPDX-License-Identifier: Apache-2.0

package config

import "github.com/penstock-go/penstock/pool/milvus"

// Pointers returns a configuration, and where in it each setting goes.
func Pointers() (*milvus.ClientConfig, []any) {
	t := &target{}
	fields := t.fields()
	pointers := make([]any, len(fields))
	for i, f := range fields {
		pointers[i] = f.to
	}
	return &t.client, pointers
}
