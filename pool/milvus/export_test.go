// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"net"

	"google.golang.org/grpc"

	"github.com/penstock-go/penstock/internal/milvusbase"
)

// Wrote tells the connections of f of a write to a collection.
func (f *Factory) Wrote(collection string, ts uint64) { f.family.wrote(collection, ts) }

// Session returns the timestamp that a read of a collection waits for.
func (f *Factory) Session(collection string) uint64 { return f.family.session(collection) }

// Interceptor returns the interceptor of a connection that is never dialed.
func Interceptor(propagates bool) grpc.UnaryClientInterceptor {
	return (&hook{family: newFamily(), traces: propagates}).intercept
}

// ReasonFor returns why a connection was not made, or ended, with err.
var ReasonFor = milvusbase.ReasonFor

// SawGoAway reports whether a GOAWAY is among the frames that are read in parts.
func SawGoAway(parts ...[]byte) (saw bool) {
	var f milvusbase.Frames
	for _, part := range parts {
		saw = f.SawGoAway(part) || saw
	}
	return saw
}

// CountedConn returns conn as the factory counts it.
func (f *Factory) CountedConn(conn net.Conn) net.Conn { return f.transports.Connected(conn) }
