// SPDX-License-Identifier: Apache-2.0

package config

import (
	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/pool/milvus"
)

// Pointers returns the two configurations that Load fills, and for each setting
// a pointer to its field in them.
func Pointers() (*milvus.Config, *penstock.Config, map[string]any) {
	t := &target{}
	pointers := map[string]any{}
	for _, f := range t.fields(func(string) bool { return true }) {
		pointers[f.key] = f.to
	}
	return &t.milvus, &t.client, pointers
}
