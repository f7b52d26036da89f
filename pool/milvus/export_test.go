// SPDX-License-Identifier: Apache-2.0

package milvus

var (
	ReadOnly = readOnly
	CodeOf   = codeOf
)

// Wrote tells the connections of f of a write to a collection.
func (f *Factory) Wrote(collection string, ts uint64) { f.family.wrote(collection, ts) }

// Session returns the timestamp that a read of a collection waits for.
func (f *Factory) Session(collection string) uint64 { return f.family.session(collection) }
