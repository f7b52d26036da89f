// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"context"
	"errors"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
)

// setLoaded loads or releases partitions. The collection is loaded while one of
// its partitions is.
func (c *collection) setLoaded(partitions []*partition, loaded bool) {
	for _, p := range partitions {
		p.loaded = loaded
	}
	c.loaded = slices.ContainsFunc(c.partitions, func(p *partition) bool { return p.loaded })
}

// checkIndexed refuses to load a collection with a vector field that has no
// index, as Milvus does.
func (c *collection) checkIndexed() error {
	for _, col := range c.columns {
		f := col.schema()
		if isVectorType(f.GetDataType()) && c.indexOf(f.GetName()) == nil {
			return failf(CodeIndexNotFound, "index not found[collection=%s]: there is no vector index on field: [%s], "+
				"please create index firstly", c.name(), f.GetName())
		}
	}
	return nil
}

func (h *service) LoadCollection(ctx context.Context, req *milvuspb.LoadCollectionRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		if err := c.checkIndexed(); err != nil {
			return err
		}
		replicas := max(req.GetReplicaNumber(), 1)
		switch {
		case req.GetRefresh() && !c.loaded:
			return failf(CodeCollectionNotLoaded, "collection not loaded[collection=%d]", c.id)
		case c.loaded && replicas > 1:
			return invalidf("can't change the replica number for loaded collection: invalid parameter[expected=1][actual=%d]", replicas)
		case replicas > 1:
			return failf(CodeUnexpected, "nodes not enough") // This server is one node.
		}
		c.setLoaded(c.partitions, true)
		c.loadNew = true
		return nil
	}), nil
}

func (h *service) ReleaseCollection(ctx context.Context, req *milvuspb.ReleaseCollectionRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		c.setLoaded(c.partitions, false)
		c.loadNew = false
		return nil
	}), nil
}

func (h *service) LoadPartitions(ctx context.Context, req *milvuspb.LoadPartitionsRequest) (*commonpb.Status, error) {
	return h.setPartitionsLoaded(ctx, req, true), nil
}

func (h *service) ReleasePartitions(ctx context.Context, req *milvuspb.ReleasePartitionsRequest) (*commonpb.Status, error) {
	return h.setPartitionsLoaded(ctx, req, false), nil
}

func (h *service) setPartitionsLoaded(ctx context.Context, req partitionsRequest, loaded bool) *commonpb.Status {
	return h.writing(func() error {
		c, named, err := h.findPartitions(ctx, req)
		if err != nil {
			return err
		}
		what := "release partitions"
		if loaded {
			what = "load partitions"
		}
		if err := c.mayManage(what); err != nil {
			return err
		}
		if len(named) == 0 {
			if loaded {
				return c.as.badStatement("failed to load partition, due to no partition specified")
			}
			return invalidf("invalid parameter[expected=any partition][actual=empty partition list]")
		}
		if loaded {
			if err := c.checkIndexed(); err != nil {
				return err
			}
		}
		c.setLoaded(named, loaded)
		return nil
	})
}

func (h *service) GetLoadingProgress(ctx context.Context, req *milvuspb.GetLoadingProgressRequest) (*milvuspb.GetLoadingProgressResponse, error) {
	reply := &milvuspb.GetLoadingProgressResponse{}
	reply.Status = h.reading(func() error {
		c, named, err := h.findPartitions(ctx, req)
		if err != nil {
			return err
		}
		switch {
		case len(named) > 0 && !c.isLoaded(named):
			return failf(CodePartitionNotLoaded, "partition not loaded[partition=%s]", req.GetPartitionNames()[0])
		case !c.isLoaded(named):
			return failf(CodeCollectionNotLoaded, "collection not loaded[collection=%s]", c.name())
		}
		reply.Progress, reply.RefreshProgress = 100, 100
		return nil
	})
	return reply, nil
}

func (h *service) GetLoadState(ctx context.Context, req *milvuspb.GetLoadStateRequest) (*milvuspb.GetLoadStateResponse, error) {
	reply := &milvuspb.GetLoadStateResponse{State: commonpb.LoadState_LoadStateNotExist}
	reply.Status = h.reading(func() error {
		c, named, err := h.findPartitions(ctx, req)
		if coded, ok := errors.AsType[*codedError](err); ok && coded.code == CodeCollectionNotFound {
			return nil // The state says so.
		}
		if err != nil {
			return err
		}
		reply.State = commonpb.LoadState_LoadStateNotLoad
		if c.isLoaded(named) {
			reply.State = commonpb.LoadState_LoadStateLoaded
		}
		return nil
	})
	return reply, nil
}

// isLoaded reports whether all these partitions are loaded. Without partitions
// it reports whether the collection is.
func (c *collection) isLoaded(partitions []*partition) bool {
	return c.loaded && !slices.ContainsFunc(partitions, func(p *partition) bool { return !p.loaded })
}

type partitionsRequest interface {
	GetDbName() string
	GetCollectionName() string
	GetPartitionNames() []string
}

func (h *service) findPartitions(ctx context.Context, req partitionsRequest) (*collection, []*partition, error) {
	c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
	if err != nil {
		return nil, nil, err
	}
	named, err := c.partitionsNamed(req.GetPartitionNames())
	return c, named, err
}
