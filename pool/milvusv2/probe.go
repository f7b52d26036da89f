// SPDX-License-Identifier: Apache-2.0

package milvusv2

import (
	"context"

	"github.com/milvus-io/milvus/client/v2/milvusclient"

	"github.com/penstock-go/penstock/pool/milvus/milvuserr"
)

// Ping asks the server for its version, which the server knows by itself. An
// error answer such as Unimplemented also proves that the server lives, and is no
// error of Ping.
//
// Of the errors of Ping, a rate limit says nothing about the server. Any other
// one is a failure of the server, also if [Classify] finds it neutral for an
// operation: a server that is starting answers, but does no work yet.
func (f *Factory) Ping(ctx context.Context, c *Conn) error {
	_, err := c.GetServerVersion(ctx, milvusclient.NewGetServerVersionOption())
	return milvuserr.OfPing(err)
}
