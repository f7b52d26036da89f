// SPDX-License-Identifier: Apache-2.0

package milvusv2

import (
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus/milvuserr"
)

// Error is an error answer of the server, or a failure of the transport. It
// matches core.ErrUnavailable if the server cannot be reached or says that it is
// not available, [ErrUnauthenticated] if the server did not accept the
// credentials, [ErrTLS] if both sides do not agree on TLS, and
// pool.ErrBadConn if this process had closed the connection.
//
// The fields and methods are those of [milvuserr.Error], which every adapter shares.
type Error = milvuserr.Error

// ErrUnauthenticated is matched by an error of a server that did not accept the
// credentials, and of a dial that had none because Config.Credentials failed. It is a
// core.ErrConnection.
var ErrUnauthenticated = milvuserr.ErrUnauthenticated

// ErrTLS is matched by the error of a dial for which both sides do not agree on TLS:
// another dial would fail too. Examples are a certificate that one side does not
// accept, a server without TLS, and a server with TLS that was dialed without. It is a
// core.ErrConnection.
var ErrTLS = milvuserr.ErrTLS

var _ core.Classifier = Classify

// Classify is the [core.Classifier] of Milvus. It goes by the first [*Error] in
// err, or else by the first gRPC status. Any other error comes from the
// operation's own function, or from a check of the SDK before a request: the
// error says nothing about the server, and another attempt would end the same.
//
// The class is about the request that failed. What earlier requests of the same
// attempt applied is marked with [core.MarkApplied].
func Classify(err error) core.Class { return milvuserr.Classify(err) }
