// SPDX-License-Identifier: Apache-2.0

package milvusv2

import "google.golang.org/grpc"

// Interceptor returns the interceptor of a connection that is never dialed.
func Interceptor(propagates bool) grpc.UnaryClientInterceptor {
	return (&hook{schemas: newSchemas(), traces: propagates}).intercept
}
