// SPDX-License-Identifier: Apache-2.0

// Package real has the tests that need real servers and belong to no single
// example: an outage of a real Milvus, and the README's app in a real Jaeger.
package real
