// SPDX-License-Identifier: Apache-2.0

// Package milvusv2 makes pools of connections to Milvus, on top of the current SDK,
// milvus/client/v2. It has the names of package milvus, which is made for the SDK before,
// and the same errors, classes and telemetry.
//
//	p, err := milvusv2.NewPool(milvusv2.Config{Address: "localhost:19530"})
//	if err != nil {
//		return err
//	}
//	defer p.Close(ctx)
//
//	err = p.Do(ctx, func(ctx context.Context, c *milvusv2.Conn) error {
//		_, err := c.Insert(ctx, milvusclient.NewColumnBasedInsertOption("docs", columns...))
//		return err
//	})
//
// Many callers share a connection at once: gRPC carries their requests side by side.
//
// The package is a module of its own. The two SDKs do not build together, so a program
// has this module or package milvus, never both. Package milvusv2fx is for
// applications with fx.
//
// # What differs from the bare SDK
//
// An error of the server or of the transport is an [*Error]. [Classify] says what the
// error means to the stages of a chain. For the errors of the server, errors.Is with the
// errors of Milvus' package merr, and merr.Code, work as with the bare SDK.
//
// The SDK's hidden retries are off: six calls within 22 s where a server is not
// available, and up to ten writes where the schema has changed. The chain retries instead,
// because it knows which operations may be repeated. The package marks every attempt
// whose requests may have been applied (see [core.MarkApplied]).
//
// A dial takes no longer than its context. If it fails, the error has the cause, and no
// connection is left open. A dial that cannot come to a better end fails at once: for bad
// credentials, an unknown host or database, a bad certificate, and where one side speaks
// TLS and the other does not.
//
// The connections of one [Factory] share what they learn: after one of them has dropped,
// created, renamed or altered a collection, none of them uses the schema that it had
// cached. The SDK itself forgets no schema. A read with session consistency sees the
// writes of all connections; the SDK itself sends no timestamp for it.
//
// If another process has changed a schema, an insert or an upsert that does not match the
// cached one is made again, once, with the present one, and so is a search whose keys do
// not match.
//
// A write that fails logs nothing. The SDK would log each refusal to stdout, through the
// logger that Milvus' package log has for the whole process. Put a logger of that package
// into the context to have the lines:
//
//	ctx = log.WithFields(ctx)
//
// One pool serves any number of databases: [WithDatabase] sets that of a call.
//
// # What it does not do
//
// An iterator, or the task of a flush, a load or an index, asks the server on the
// connection that made it: use it before the lease is released.
package milvusv2
