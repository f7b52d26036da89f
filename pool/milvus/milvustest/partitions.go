// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"context"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
)

// partition is a partition of a collection. store.mu guards it.
type partition struct {
	id      int64
	name    string
	created uint64
	loaded  bool
}

func (c *collection) addPartition(s *store, name string) {
	c.partitions = append(c.partitions, &partition{id: s.nextID(), name: name, created: s.timestamp(), loaded: c.loadNew})
}

func (c *collection) partition(name string) (*partition, error) {
	i := slices.IndexFunc(c.partitions, func(p *partition) bool { return p.name == name })
	if i < 0 {
		return nil, failf(CodePartitionNotFound, "partition not found[partition=%s]", name)
	}
	return c.partitions[i], nil
}

func (c *collection) partitionsNamed(names []string) ([]*partition, error) {
	var found []*partition
	for _, name := range names {
		p, err := c.partition(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(found, p) {
			found = append(found, p)
		}
	}
	return found, nil
}

// readable returns the named partitions for a search or a query, or all loaded
// partitions if there is no name.
func (c *collection) readable(names []string) ([]*partition, error) {
	if !slices.ContainsFunc(c.partitions, func(p *partition) bool { return p.loaded }) {
		return nil, failf(CodeCollectionNotLoaded, "collection not loaded[collection=%s]", c.name())
	}
	if len(names) == 0 {
		return slices.DeleteFunc(slices.Clone(c.partitions), func(p *partition) bool { return !p.loaded }), nil
	}
	named, err := c.partitionsNamed(names)
	if err != nil {
		return nil, err
	}
	for _, p := range named {
		if !p.loaded {
			return nil, failf(CodePartitionNotLoaded, "partition not loaded[partition=%s]", p.name)
		}
	}
	return named, nil
}

// within adds a condition to a filter: the row is in one of the partitions.
func (c *collection) within(partitions []*partition, filter predicate) predicate {
	if len(partitions) == len(c.partitions) {
		return filter
	}
	return func(row int) bool {
		return slices.Contains(partitions, c.partitionOf[row]) && (filter == nil || filter(row))
	}
}

func (h *service) CreatePartition(ctx context.Context, req *milvuspb.CreatePartitionRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		if !validName(req.GetPartitionName()) {
			return invalidf("invalid partition name: %s: invalid parameter", req.GetPartitionName())
		}
		if _, err := c.partition(req.GetPartitionName()); err != nil {
			c.addPartition(h.store, req.GetPartitionName())
		}
		return nil
	}), nil
}

func (h *service) DropPartition(ctx context.Context, req *milvuspb.DropPartitionRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		p, err := c.partition(req.GetPartitionName())
		switch {
		case req.GetPartitionName() == defaultPartition:
			return invalidf("default partition cannot be deleted")
		case err != nil:
			return nil
		case p.loaded:
			return failf(CodeUnexpected, "partition cannot be dropped, partition is loaded, please release it first")
		}
		c.remove(c.matching(func(row int) bool { return c.partitionOf[row] == p }))
		c.partitions = slices.DeleteFunc(c.partitions, func(other *partition) bool { return other == p })
		return nil
	}), nil
}

func (h *service) HasPartition(ctx context.Context, req *milvuspb.HasPartitionRequest) (*milvuspb.BoolResponse, error) {
	reply := &milvuspb.BoolResponse{}
	reply.Status = h.reading(func() error {
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		_, err = c.partition(req.GetPartitionName())
		reply.Value = err == nil
		return nil
	})
	return reply, nil
}

func (h *service) ShowPartitions(ctx context.Context, req *milvuspb.ShowPartitionsRequest) (*milvuspb.ShowPartitionsResponse, error) {
	reply := &milvuspb.ShowPartitionsResponse{}
	reply.Status = h.reading(func() error {
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		shown := c.partitions
		if len(req.GetPartitionNames()) > 0 {
			if shown, err = c.partitionsNamed(req.GetPartitionNames()); err != nil {
				return err
			}
		}
		for _, p := range shown {
			reply.PartitionNames = append(reply.PartitionNames, p.name)
			reply.PartitionIDs = append(reply.PartitionIDs, p.id)
			reply.CreatedTimestamps = append(reply.CreatedTimestamps, p.created)
			reply.CreatedUtcTimestamps = append(reply.CreatedUtcTimestamps, physicalMillis(p.created))
			percent := int64(0)
			if p.loaded {
				percent = 100
			}
			reply.InMemoryPercentages = append(reply.InMemoryPercentages, percent)
		}
		return nil
	})
	return reply, nil
}

func (h *service) GetPartitionStatistics(ctx context.Context, req *milvuspb.GetPartitionStatisticsRequest) (*milvuspb.GetPartitionStatisticsResponse, error) {
	reply := &milvuspb.GetPartitionStatisticsResponse{}
	reply.Status = h.reading(func() error {
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		p, err := c.partition(req.GetPartitionName())
		if err != nil {
			return err
		}
		reply.Stats = rowCount(len(c.matching(func(row int) bool { return c.partitionOf[row] == p })))
		return nil
	})
	return reply, nil
}
