// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// nodeID is the id of the only node of the server.
const nodeID = 1

// merge replaces the properties in old whose keys are in next, and adds the others.
func merge(old, next []*commonpb.KeyValuePair) []*commonpb.KeyValuePair {
	merged := slices.DeleteFunc(slices.Clone(old), func(p *commonpb.KeyValuePair) bool {
		return slices.ContainsFunc(next, func(q *commonpb.KeyValuePair) bool { return q.GetKey() == p.GetKey() })
	})
	return append(merged, next...)
}

func (h *service) AlterCollection(ctx context.Context, req *milvuspb.AlterCollectionRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		if req.GetCollectionName() == "" && h.server.as.before(since24) {
			return failf(CodeUnexpected, "alter collection failed, collection name does not exists")
		}
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		if len(req.GetProperties()) == 0 {
			return failf(CodeUnexpected, "only support alter collection properties, but collection properties is empty")
		}
		c.properties = merge(c.properties, req.GetProperties())
		return nil
	}), nil
}

func (h *service) AlterDatabase(ctx context.Context, req *milvuspb.AlterDatabaseRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		db, err := h.store.database(ctx, req.GetDbName())
		if err != nil {
			return err
		}
		db.properties = merge(db.properties, req.GetProperties())
		return nil
	}), nil
}

func (h *service) AlterIndex(ctx context.Context, req *milvuspb.AlterIndexRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		found := c.indexesMatching(req.GetIndexName(), "")
		if len(found) == 0 {
			return failf(CodeIndexNotFound, "index not found[collection=%s][index=%s]", c.name(), req.GetIndexName())
		}
		for _, p := range req.GetExtraParams() {
			if p.GetKey() != "mmap.enabled" {
				return invalidf("%s is not allowed to alter: invalid parameter", p.GetKey())
			}
		}
		for _, x := range found {
			for _, p := range req.GetExtraParams() {
				x.params[p.GetKey()] = p.GetValue()
			}
		}
		return nil
	}), nil
}

// GetReplicas answers with one replica on the only node.
func (h *service) GetReplicas(ctx context.Context, req *milvuspb.GetReplicasRequest) (*milvuspb.GetReplicasResponse, error) {
	reply := &milvuspb.GetReplicasResponse{}
	reply.Status = h.reading(func() error {
		if req.GetCollectionName() == "" && h.server.as.before(since24) {
			return failf(CodeReplicaNotFound, "failed to get replicas by collection: replica not found[replica=0]")
		}
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		if !c.loaded {
			return failf(CodeReplicaNotFound, "failed to get replica info by collection %d: replica not found[collection=%d]", c.id, c.id)
		}
		replica := &milvuspb.ReplicaInfo{ReplicaID: c.id, CollectionID: c.id, NodeIds: []int64{nodeID}, ResourceGroupName: defaultGroup}
		for i := range c.shards {
			replica.ShardReplicas = append(replica.ShardReplicas, &milvuspb.ShardReplica{
				LeaderID: nodeID, LeaderAddr: h.server.addr, DmChannelName: channelName(c.id, i), NodeIds: []int64{nodeID},
			})
		}
		reply.Replicas = []*milvuspb.ReplicaInfo{replica}
		return nil
	})
	return reply, nil
}

// segments returns the number of rows of each partition that has rows. A partition has
// one segment.
func (c *collection) segments() map[*partition]int64 {
	rows := make(map[*partition]int64)
	for _, p := range c.partitionOf {
		rows[p]++
	}
	return rows
}

func (h *service) GetPersistentSegmentInfo(ctx context.Context, req *milvuspb.GetPersistentSegmentInfoRequest) (*milvuspb.GetPersistentSegmentInfoResponse, error) {
	reply := &milvuspb.GetPersistentSegmentInfoResponse{}
	reply.Status = h.reading(func() error {
		c, err := h.store.unchecked(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		rows := c.segments()
		for _, p := range c.partitions {
			if rows[p] > 0 {
				reply.Infos = append(reply.Infos, &milvuspb.PersistentSegmentInfo{
					SegmentID: p.id, CollectionID: c.id, PartitionID: p.id, NumRows: rows[p], State: commonpb.SegmentState_Flushed,
				})
			}
		}
		return nil
	})
	return reply, nil
}

func (h *service) GetQuerySegmentInfo(ctx context.Context, req *milvuspb.GetQuerySegmentInfoRequest) (*milvuspb.GetQuerySegmentInfoResponse, error) {
	reply := &milvuspb.GetQuerySegmentInfoResponse{}
	reply.Status = h.reading(func() error {
		c, err := h.store.unchecked(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		rows := c.segments()
		for _, p := range c.partitions {
			if rows[p] > 0 && p.loaded {
				reply.Infos = append(reply.Infos, &milvuspb.QuerySegmentInfo{
					SegmentID: p.id, CollectionID: c.id, PartitionID: p.id, NumRows: rows[p],
					NodeIds: []int64{nodeID}, State: commonpb.SegmentState_Sealed,
				})
			}
		}
		return nil
	})
	return reply, nil
}

func (h *service) FlushAll(context.Context, *milvuspb.FlushAllRequest) (*milvuspb.FlushAllResponse, error) {
	return &milvuspb.FlushAllResponse{Status: toStatus(nil), FlushAllTs: h.store.timestamp()}, nil
}

func (h *service) GetFlushAllState(context.Context, *milvuspb.GetFlushAllStateRequest) (*milvuspb.GetFlushAllStateResponse, error) {
	return &milvuspb.GetFlushAllStateResponse{Status: toStatus(nil), Flushed: true}, nil
}

// ManualCompaction has nothing to compact, so that every compaction is complete.
func (h *service) ManualCompaction(_ context.Context, req *milvuspb.ManualCompactionRequest) (*milvuspb.ManualCompactionResponse, error) {
	reply := &milvuspb.ManualCompactionResponse{}
	reply.Status = h.reading(func() error {
		if h.server.as.before(since24) {
			reply.CompactionID = h.store.nextID()
			return nil // It does not look whether there is such a collection.
		}
		for _, db := range h.store.databases {
			for _, c := range db.collections {
				if c.id == req.GetCollectionID() {
					reply.CompactionID = h.store.nextID()
					return nil
				}
			}
		}
		return failf(CodeCollectionNotFound, "collection not found[collection=%d]", req.GetCollectionID())
	})
	return reply, nil
}

// GetCompactionState takes a compaction that it does not know for one that runs, as
// Milvus does.
func (h *service) GetCompactionState(_ context.Context, req *milvuspb.GetCompactionStateRequest) (*milvuspb.GetCompactionStateResponse, error) {
	reply := &milvuspb.GetCompactionStateResponse{Status: toStatus(nil), State: commonpb.CompactionState_Completed}
	if req.GetCompactionID() == 0 {
		reply.State = commonpb.CompactionState_Executing
	}
	return reply, nil
}

func (h *service) GetCompactionStateWithPlans(context.Context, *milvuspb.GetCompactionPlansRequest) (*milvuspb.GetCompactionPlansResponse, error) {
	return &milvuspb.GetCompactionPlansResponse{Status: toStatus(nil), State: commonpb.CompactionState_Completed}, nil
}

// GetMetrics answers with the version of the server alone.
func (h *service) GetMetrics(_ context.Context, req *milvuspb.GetMetricsRequest) (*milvuspb.GetMetricsResponse, error) {
	reply := &milvuspb.GetMetricsResponse{}
	reply.Status = h.reading(func() error {
		var request struct {
			MetricType string `json:"metric_type"`
		}
		if err := json.Unmarshal([]byte(req.GetRequest()), &request); err != nil {
			return failf(CodeUnexpected, "failed to decode the request: %v", err)
		}
		if request.MetricType == "" {
			return failf(CodeUnexpected, "metric_type not found in request")
		}
		if request.MetricType != "system_info" {
			return failf(CodeMetricNotFound, "metric not found[metric=%s]", request.MetricType)
		}
		info := map[string]any{"nodes_info": []any{map[string]any{"infos": map[string]any{
			"name": "proxy1", "id": nodeID, "type": "proxy", "system_info": map[string]any{"system_version": h.server.cfg.Version},
		}}}}
		text, err := json.Marshal(info)
		reply.Response, reply.ComponentName = string(text), "proxy1"
		return err
	})
	return reply, nil
}

func (h *service) GetIndexStatistics(ctx context.Context, req *milvuspb.GetIndexStatisticsRequest) (*milvuspb.GetIndexStatisticsResponse, error) {
	reply := &milvuspb.GetIndexStatisticsResponse{}
	reply.Status = h.reading(func() error {
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		found := c.indexesMatching(req.GetIndexName(), "")
		if len(found) == 0 {
			return failf(CodeIndexNotFound, "index not found[collection=%s]", c.name())
		}
		for _, x := range found {
			reply.IndexDescriptions = append(reply.IndexDescriptions, &milvuspb.IndexDescription{
				IndexName: x.name, IndexID: x.id, FieldName: x.field, Params: x.pairs(), State: commonpb.IndexState_Finished,
				TotalRows: int64(c.flushedRows()), IndexedRows: int64(c.flushedRows()),
			})
		}
		return nil
	})
	return reply, nil
}

// GetIndexBuildProgress is deprecated in the protocol, but old clients have it.
func (h *service) GetIndexBuildProgress(ctx context.Context, req *milvuspb.GetIndexBuildProgressRequest) (*milvuspb.GetIndexBuildProgressResponse, error) {
	reply := &milvuspb.GetIndexBuildProgressResponse{}
	reply.Status = h.reading(func() error {
		c, _, err := h.findIndexes(ctx, req)
		if err != nil {
			return err
		}
		reply.TotalRows, reply.IndexedRows = int64(c.flushedRows()), int64(c.flushedRows())
		return nil
	})
	return reply, nil
}

// Import refuses every import: this server has no object storage to read files from.
func (h *service) Import(ctx context.Context, req *milvuspb.ImportRequest) (*milvuspb.ImportResponse, error) {
	reply := &milvuspb.ImportResponse{}
	reply.Status = h.reading(func() error {
		if _, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName()); err != nil {
			return err
		}
		if len(req.GetFiles()) == 0 {
			return invalidf("import request is empty: invalid parameter")
		}
		return failf(CodeImportFailed, "importing data failed: this test server has no object storage: use Insert")
	})
	return reply, nil
}

func (h *service) GetImportState(_ context.Context, req *milvuspb.GetImportStateRequest) (*milvuspb.GetImportStateResponse, error) {
	return &milvuspb.GetImportStateResponse{
		Status: toStatus(failf(CodeImportTaskNotFound, "key not found[key=by-dev/meta/importtask/%d]", req.GetTask())),
	}, nil
}

func (h *service) ListImportTasks(context.Context, *milvuspb.ListImportTasksRequest) (*milvuspb.ListImportTasksResponse, error) {
	return &milvuspb.ListImportTasksResponse{Status: toStatus(nil)}, nil
}

func physicalChannel(shard int32) string { return "by-dev-rootcoord-dml_" + strconv.Itoa(int(shard)) }

// channelName is the name of the channel of a shard of a collection.
func channelName(collection int64, shard int32) string {
	return physicalChannel(shard) + "_" + strconv.FormatInt(collection, 10) + "v" + strconv.Itoa(int(shard))
}

func (h *service) CalcDistance(context.Context, *milvuspb.CalcDistanceRequest) (*milvuspb.CalcDistanceResults, error) {
	return &milvuspb.CalcDistanceResults{Status: toStatus(failf(CodeUnavailable, "service unavailable: CalcDistance deprecated"))}, nil
}

// LoadBalance has no second node to move segments to.
func (h *service) LoadBalance(ctx context.Context, req *milvuspb.LoadBalanceRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		if _, err := h.store.unchecked(ctx, req.GetDbName(), req.GetCollectionName()); err != nil {
			return err
		}
		return failf(CodeUnexpected, "this test server has one node: no segments can be moved")
	}), nil
}

// RegisterLink answers as Milvus does, which has nothing to tell.
func (h *service) RegisterLink(context.Context, *milvuspb.RegisterLinkRequest) (*milvuspb.RegisterLinkResponse, error) {
	return &milvuspb.RegisterLinkResponse{Status: toStatus(nil)}, nil
}

func (h *service) Dummy(context.Context, *milvuspb.DummyRequest) (*milvuspb.DummyResponse, error) {
	return &milvuspb.DummyResponse{Response: `{"status": "fail"}`}, nil
}

func (h *service) GetComponentStates(context.Context, *milvuspb.GetComponentStatesRequest) (*milvuspb.ComponentStates, error) {
	return &milvuspb.ComponentStates{
		Status: toStatus(nil),
		State:  &milvuspb.ComponentInfo{NodeID: nodeID, Role: "proxy", StateCode: commonpb.StateCode_Healthy},
	}, nil
}

// since24Methods are RPCs that Milvus 2.3 does not have.
var since24Methods = []string{"AlterDatabase", "DescribeDatabase", "AlterIndex", "HybridSearch", "BackupRBAC", "RestoreRBAC"}

// lacks returns an error if the release does not have this RPC.
func (r release) lacks(method string) error {
	if r.before(since24) && slices.Contains(since24Methods, method) {
		return status.Errorf(codes.Unimplemented, "unknown method %s for service milvus.proto.milvus.MilvusService", method)
	}
	return nil
}
