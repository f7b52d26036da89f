// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/penstock-go/penstock/otelx"
)

// TellTrace is an interceptor that tells the server which span a request belongs to.
func TellTrace(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	headers, ok := metadata.FromOutgoingContext(ctx)
	if !ok {
		headers = metadata.MD{}
	}
	otelx.Inject(ctx, otelx.MetadataCarrier(headers))
	return invoke(metadata.NewOutgoingContext(ctx, headers), method, req, reply, cc, opts...)
}
