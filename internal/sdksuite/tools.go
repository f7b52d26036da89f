// SPDX-License-Identifier: Apache-2.0

//go:build tools

package main

// The tests of the SDK need what these packages need.
import (
	_ "github.com/milvus-io/milvus-sdk-go/v2/test/base"
	_ "github.com/milvus-io/milvus-sdk-go/v2/test/common"
)
