// SPDX-License-Identifier: Apache-2.0

// Package milvus makes pools of connections to Milvus, on top of
// milvus-sdk-go/v2.
//
//	p, err := milvus.NewPool(milvus.Config{Address: "localhost:19530"})
//	if err != nil {
//		return err
//	}
//	defer p.Close(ctx)
//
//	err = p.Do(ctx, func(ctx context.Context, c *milvus.Conn) error {
//		_, err := c.Insert(ctx, "docs", "", columns...)
//		return err
//	})
//
// Many callers share a connection at once: gRPC carries their requests side by
// side.
//
// # What differs from the bare SDK
//
// Errors keep their codes: an error of the server or of the transport is an
// [*Error], also where the SDK would return only a text, or no error at all.
// [Classify] says what the error means to the stages of a chain. Where the code says
// nothing, as 65535 of Milvus 2.3, it goes by the reason.
//
// The SDK's two hidden retry layers are off. The chain retries instead, because it
// knows which operations may be repeated. The package marks every attempt whose
// requests may have been applied (see [core.MarkApplied]).
//
// A dial takes no longer than its context. If it fails, the error has the cause,
// and no connection is left open. A dial that cannot come to a better end fails at
// once: for bad credentials, an unknown host or database, a bad certificate, and where
// one side speaks TLS and the other does not. For the last one, a dial whose first
// connection is closed without a word uses the second connection for a probe.
//
// The connections of one [Factory] share what they learn: after one of them has
// dropped, created, renamed or altered a collection, none of them uses the schema
// that it had cached, and a read with session consistency sees the writes of all
// of them.
//
// If another process has changed a schema, an insert or an upsert that does not match
// the cached one is made again with the present one, and so is a read whose reply the
// SDK could not read. A read that works with the cached schema is not noticed: its
// default consistency level stays the old one until a connection calls
// DescribeCollection.
//
// # What it does not do
//
// A connection never changes its database: [WithDatabase] names the database of a call.
package milvus
