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
	written int        // rows ever inserted
	flushed int        // rows inserted before the last flush, which is what statistics count
	growing []*segment // of the rows inserted since, one for each shard; nil until a row is
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

// namedToRead returns the partitions that a search or a query names, each once.
func (c *collection) namedToRead(names []string) ([]*partition, error) {
	var named []*partition
	for _, name := range names {
		if err := c.mayName(name); err != nil {
			return nil, err
		}
		p, err := c.partition(name)
		if err != nil {
			return nil, c.as.unknownPartition(name)
		}
		if !slices.Contains(named, p) {
			named = append(named, p)
		}
	}
	return named, nil
}

// readable returns the named partitions for a search or a query, or all loaded
// partitions if none is named.
func (c *collection) readable(named []*partition) ([]*partition, error) {
	if !slices.ContainsFunc(c.partitions, func(p *partition) bool { return p.loaded }) {
		return nil, failf(CodeCollectionNotLoaded, "collection not loaded[collection=%s]", c.name())
	}
	if len(named) == 0 {
		return loadedOf(c.partitions), nil
	}
	for _, p := range named {
		if !p.loaded {
			return nil, c.as.unloadedPartition(p.name)
		}
	}
	return named, nil
}

// loadedOf returns those of the partitions that are loaded.
func loadedOf(partitions []*partition) []*partition {
	return slices.DeleteFunc(slices.Clone(partitions), func(p *partition) bool { return !p.loaded })
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

// inFlushed adds a condition to a filter: the row was flushed.
func (c *collection) inFlushed(only bool, filter predicate) predicate {
	if !only {
		return filter
	}
	return func(row int) bool { return c.segmentOf[row].flushed && (filter == nil || filter(row)) }
}

func (h *service) CreatePartition(ctx context.Context, req *milvuspb.CreatePartitionRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		name := req.GetPartitionName()
		if !validPartitionName(name) {
			return c.as.badPartitionName(name)
		}
		if err := c.mayManage("create partition"); err != nil {
			return err
		}
		if _, err := c.partition(name); err == nil {
			return nil
		}
		if len(c.partitions) >= maxPartitions {
			return c.as.badStatement("partition number (%d) exceeds max configuration (%d), collection: %s", len(c.partitions), maxPartitions, c.name())
		}
		c.addPartition(h.store, name)
		return nil
	}), nil
}

func (h *service) DropPartition(ctx context.Context, req *milvuspb.DropPartitionRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		name := req.GetPartitionName()
		if !validPartitionName(name) {
			return c.as.badPartitionName(name)
		}
		if err := c.mayManage("drop partition"); err != nil {
			return err
		}
		p, err := c.partition(name)
		switch {
		case name == defaultPartition:
			return c.as.badStatement("default partition cannot be deleted")
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
		if !validPartitionName(req.GetPartitionName()) {
			return c.as.badPartitionName(req.GetPartitionName())
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
		//lint:ignore SA1019 clients of 2.3 ask so for what is in memory
		inMemory := req.GetType() == milvuspb.ShowType_InMemory
		if inMemory {
			shown = loadedOf(shown)
		}
		// Milvus 2.3 reads the names only where it is asked for what is in memory.
		if len(req.GetPartitionNames()) > 0 && (inMemory || !c.as.before(since24)) {
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
		c, err := h.store.unchecked(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		p, err := c.partition(req.GetPartitionName())
		if err != nil {
			return err
		}
		reply.Stats = rowCount(p.flushed)
		return nil
	})
	return reply, nil
}
