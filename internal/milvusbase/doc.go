// SPDX-License-Identifier: Apache-2.0

// Package milvusbase has what the adapters for both SDKs of Milvus share: how a
// connection is dialed and counted, secrets, and what the observer is told of a request.
// It links no SDK. The two SDKs want other versions of the protocol's Go package, so the
// adapters are in two modules, and this package compiles with both versions.
package milvusbase
