// SPDX-License-Identifier: Apache-2.0

// Package real tests with real servers: an outage of a real Milvus, and the trace
// of the README's app in a real Jaeger.
package real
