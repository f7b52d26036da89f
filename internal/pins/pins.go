// SPDX-License-Identifier: Apache-2.0

//go:build pins

// Package pins requires modules that no package of Penstock imports. It is never built.
//
// Old modules below the Milvus SDK require a genproto that still has the packages of
// google.golang.org/genproto/googleapis/rpc and .../api, which are modules of their own by
// now. Without a later genproto, "go mod tidy" in a module that uses Penstock finds these
// packages twice, and fails.
package pins

import _ "google.golang.org/genproto/googleapis/type/dayofweek"
