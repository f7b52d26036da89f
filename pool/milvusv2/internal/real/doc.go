// SPDX-License-Identifier: Apache-2.0

// Package real has tests of the adapter with real servers: Milvus 2.3.5, and milvus-lite
// 3.2.2. The same tests run on milvustest.
package real
