// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"context"
	"maps"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
)

const defaultGroup = "__default_resource_group"

// resourceGroups are the number of nodes of each resource group. The only node is in the
// default group until a client transfers it. store.mu guards the map.
type resourceGroups map[string]int32

func (s *store) resourceGroup(name string) error {
	if _, ok := s.groups[name]; !ok {
		return failf(CodeResourceGroupNotFound, "resource group not found[rg=%s]", name)
	}
	return nil
}

func (h *service) CreateResourceGroup(_ context.Context, req *milvuspb.CreateResourceGroupRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		name := req.GetResourceGroup()
		if name == "" {
			return failf(CodeUnexpected, "resource group name couldn't be empty")
		}
		if !validName(name) {
			return invalidf("Invalid resource group name %s: invalid parameter", name)
		}
		if req.GetConfig() != nil && (req.GetConfig().GetRequests().GetNodeNum() > 0 || req.GetConfig().GetLimits().GetNodeNum() > 0) {
			return invalidf("this test server has one node: a resource group cannot ask for nodes: invalid parameter")
		}
		if _, ok := h.store.groups[name]; ok {
			return failf(CodeUnexpected, "resource group already exist")
		}
		h.store.groups[name] = 0
		return nil
	}), nil
}

func (h *service) DropResourceGroup(_ context.Context, req *milvuspb.DropResourceGroupRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		name := req.GetResourceGroup()
		switch {
		case name == defaultGroup:
			return invalidf("delete default rg is not permitted: invalid parameter")
		case h.store.groups[name] > 0:
			return invalidf("delete non-empty rg is not permitted: invalid parameter")
		}
		delete(h.store.groups, name)
		return nil
	}), nil
}

func (h *service) ListResourceGroups(context.Context, *milvuspb.ListResourceGroupsRequest) (*milvuspb.ListResourceGroupsResponse, error) {
	reply := &milvuspb.ListResourceGroupsResponse{}
	reply.Status = h.reading(func() error {
		reply.ResourceGroups = slices.Sorted(maps.Keys(h.store.groups))
		return nil
	})
	return reply, nil
}

func (h *service) DescribeResourceGroup(_ context.Context, req *milvuspb.DescribeResourceGroupRequest) (*milvuspb.DescribeResourceGroupResponse, error) {
	reply := &milvuspb.DescribeResourceGroupResponse{}
	reply.Status = h.reading(func() error {
		if err := h.store.resourceGroup(req.GetResourceGroup()); err != nil {
			return err
		}
		n := h.store.groups[req.GetResourceGroup()]
		reply.ResourceGroup = &milvuspb.ResourceGroup{Name: req.GetResourceGroup(), Capacity: n, NumAvailableNode: n}
		return nil
	})
	return reply, nil
}

func (h *service) TransferNode(_ context.Context, req *milvuspb.TransferNodeRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		from, to, n := req.GetSourceResourceGroup(), req.GetTargetResourceGroup(), req.GetNumNode()
		switch {
		case h.store.resourceGroup(from) != nil:
			return invalidf("source resource group not found: invalid parameter[expected=valid resource group][actual=%s]", from)
		case h.store.resourceGroup(to) != nil:
			return invalidf("target resource group not found: invalid parameter[expected=valid resource group][actual=%s]", to)
		case n <= 0:
			return invalidf("transfer node num can't be [%d]: invalid parameter", n)
		case h.store.groups[from] < n:
			return failf(CodeUnexpected, "nodes not enough")
		}
		h.store.groups[from] -= n
		h.store.groups[to] += n
		return nil
	}), nil
}
