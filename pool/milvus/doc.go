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
// A connection is shared by many callers at once, because gRPC is made for it.
//
// # What differs from the bare SDK
//
// Errors keep their codes: whatever the server or the transport reports is an
// [*Error], also where the SDK would have returned only a text, or nothing at
// all. [Classify] tells the stages of a chain what it means.
//
// The SDK's two hidden retry layers are off. Retrying is left to the chain,
// which knows what may be repeated: the package keeps the account of every
// attempt (see [core.Attempt]).
//
// Dialing never takes longer than its context, says why it failed, and leaves
// nothing behind when it does.
//
// The connections that one [Factory] made know of each other: after one of
// them has dropped, created, renamed or altered a collection, none of them uses
// the schema that it had cached; and reads with session consistency see the
// writes of all of them. Changes that other processes make to a schema are not
// noticed, as ever with this SDK, before DescribeCollection is called.
//
// # What it does not do
//
// A connection belongs to one database, for good. For several databases make
// several pools.
package milvus
