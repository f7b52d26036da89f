// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"context"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

func (h *service) Delete(ctx context.Context, req *milvuspb.DeleteRequest) (*milvuspb.MutationResult, error) {
	reply := &milvuspb.MutationResult{IDs: &schemapb.IDs{}}
	reply.Status = h.writing(func() error {
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		in := c.partitions
		if name := req.GetPartitionName(); name != "" {
			if err := c.mayName(name); err != nil {
				return err
			}
			p, err := c.partition(name)
			if err != nil {
				return failf(CodePartitionNotFound, "Failed to get partition id: partition not found[partition=%s]", name)
			}
			in = []*partition{p}
		}
		if reply.DeleteCnt, err = c.delete(req.GetExpr(), in); err != nil {
			return err
		}
		if !c.as.before(since24) {
			reply.Timestamp = h.store.timestamp()
		}
		return nil
	})
	return reply, nil
}

// delete removes the rows that match a filter from partitions. It returns the number
// of keys that the filter names, or else the number of rows that it matches.
func (c *collection) delete(expr string, in []*partition) (int64, error) {
	// Milvus 2.3 takes spaces for a filter that matches every row, and looks at an empty
	// filter once it has found rows to delete.
	empty := invalidf("invalid expression: invalid parameter[expected=valid expr][actual=empty expr]")
	if strings.TrimSpace(expr) == "" && !c.as.before(since24) {
		return 0, empty
	}
	plan, err := c.plan(forDelete, expr)
	if err != nil {
		return 0, err
	}
	// Milvus deletes the keys that a filter names without a look at the rows.
	if keys, ok := plan.keys(); ok {
		filter, err := plan.compile()
		if err != nil {
			return 0, err
		}
		c.remove(c.matching(c.within(in, filter)))
		return int64(len(keys)), nil
	}
	// Milvus looks for the rows with a query first.
	if !c.loaded {
		return 0, failf(CodeCollectionNotLoaded, "collection not loaded[collection=%d]", c.id)
	}
	readable := loadedOf(in)
	if len(readable) == 0 {
		return 0, failf(CodePartitionNotLoaded, "partition not loaded[partition=%s]", in[0].name)
	}
	filter, err := plan.compile()
	if err != nil {
		return 0, err
	}
	rows := c.read(c.matching(c.within(readable, filter)), 0)
	n := int64(len(rows))
	if n > 0 && expr == "" {
		return 0, empty
	}
	c.remove(c.withKeysOf(rows, in))
	return n, nil
}
