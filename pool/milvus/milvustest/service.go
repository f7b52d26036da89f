// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"context"
	"maps"
	"runtime"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
)

// service has the handlers of the RPCs. A handler puts its error into the status
// of its reply and always returns a nil error.
type service struct {
	milvuspb.UnimplementedMilvusServiceServer
	server *Server
	store  *store
}

// reading runs f with the read lock and returns the status for its error.
func (h *service) reading(f func() error) *commonpb.Status {
	h.store.mu.RLock()
	defer h.store.mu.RUnlock()
	return toStatus(f())
}

// writing runs f with the write lock and returns the status for its error.
func (h *service) writing(f func() error) *commonpb.Status {
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	return toStatus(f())
}

func (h *service) Connect(ctx context.Context, _ *milvuspb.ConnectRequest) (*milvuspb.ConnectResponse, error) {
	reply := &milvuspb.ConnectResponse{}
	reply.Status = h.reading(func() error {
		if _, err := h.store.database(ctx, ""); err != nil {
			return err
		}
		reply.Identifier = int64(h.store.timestamp())
		reply.ServerInfo = &commonpb.ServerInfo{
			BuildTags: h.server.cfg.Version, GoVersion: runtime.Version(), DeployMode: "STANDALONE",
		}
		return nil
	})
	return reply, nil
}

func (h *service) GetVersion(context.Context, *milvuspb.GetVersionRequest) (*milvuspb.GetVersionResponse, error) {
	return &milvuspb.GetVersionResponse{Status: toStatus(nil), Version: h.server.cfg.Version}, nil
}

func (h *service) CheckHealth(context.Context, *milvuspb.CheckHealthRequest) (*milvuspb.CheckHealthResponse, error) {
	var reasons []string
	if p := h.server.unhealthy.Load(); p != nil {
		reasons = *p
	}
	return &milvuspb.CheckHealthResponse{Status: toStatus(nil), IsHealthy: len(reasons) == 0, Reasons: reasons}, nil
}

func (h *service) AllocTimestamp(context.Context, *milvuspb.AllocTimestampRequest) (*milvuspb.AllocTimestampResponse, error) {
	return &milvuspb.AllocTimestampResponse{Status: toStatus(nil), Timestamp: h.store.timestamp()}, nil
}

func (h *service) CreateDatabase(_ context.Context, req *milvuspb.CreateDatabaseRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		if !validName(req.GetDbName()) {
			return failf(CodeDatabaseInvalidName, "invalid database name[database=%s]", req.GetDbName())
		}
		if _, ok := h.store.databases[req.GetDbName()]; ok {
			return failf(CodeUnexpected, "database already exist: %s", req.GetDbName())
		}
		h.store.addDatabase(req.GetDbName(), req.GetProperties())
		return nil
	}), nil
}

func (h *service) DropDatabase(_ context.Context, req *milvuspb.DropDatabaseRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		name := req.GetDbName()
		db, ok := h.store.databases[name]
		switch {
		case !validName(name):
			return failf(CodeDatabaseInvalidName, "invalid database name[database=%s]", name)
		case name == defaultDatabase:
			return failf(CodeUnexpected, "can not drop default database")
		case !ok:
			return nil // As Milvus, which drops what is not there.
		case len(db.collections) > 0:
			return failf(CodeUnexpected, "database:%s not empty, must drop all collections before drop database", name)
		}
		delete(h.store.databases, name)
		return nil
	}), nil
}

func (h *service) ListDatabases(context.Context, *milvuspb.ListDatabasesRequest) (*milvuspb.ListDatabasesResponse, error) {
	reply := &milvuspb.ListDatabasesResponse{}
	reply.Status = h.reading(func() error {
		for _, name := range slices.Sorted(maps.Keys(h.store.databases)) {
			reply.DbNames = append(reply.DbNames, name)
			reply.CreatedTimestamp = append(reply.CreatedTimestamp, h.store.databases[name].created)
		}
		return nil
	})
	return reply, nil
}

func (h *service) DescribeDatabase(ctx context.Context, req *milvuspb.DescribeDatabaseRequest) (*milvuspb.DescribeDatabaseResponse, error) {
	reply := &milvuspb.DescribeDatabaseResponse{}
	reply.Status = h.reading(func() error {
		db, err := h.store.database(ctx, req.GetDbName())
		if err != nil {
			return err
		}
		reply.DbName, reply.DbID = db.name, db.id
		reply.CreatedTimestamp, reply.Properties = db.created, db.properties
		return nil
	})
	return reply, nil
}
