// SPDX-License-Identifier: Apache-2.0

package milvusbase

import "github.com/milvus-io/milvus-proto/go-api/v2/commonpb"

// StatusOf returns the status in a reply, nil if it has none.
func StatusOf(reply any) *commonpb.Status {
	switch r := reply.(type) {
	case *commonpb.Status:
		return r
	case interface{ GetStatus() *commonpb.Status }:
		return r.GetStatus()
	}
	return nil
}
