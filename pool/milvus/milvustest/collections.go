// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// collection is a collection and its rows. store.mu guards it.
type collection struct {
	as          release
	id          int64
	schema      *schemapb.CollectionSchema // immutable, because replies share it; a rename replaces it
	shards      int32
	consistency commonpb.ConsistencyLevel
	properties  []*commonpb.KeyValuePair
	created     uint64

	columns     []column // as in the schema, then the dynamic field if there is one
	byName      map[string]int
	primaryKey  int // index into columns
	partitionOf []*partition
	rowOf       map[key]int

	partitions []*partition
	indexes    []*index
	loaded     bool // at least one partition is
	loadNew    bool // it was loaded as a whole, so that new partitions are loaded too
}

func (s *store) newCollection(req *milvuspb.CreateCollectionRequest, schema *schemapb.CollectionSchema) *collection {
	c := &collection{
		as:          s.as,
		id:          s.nextID(),
		schema:      schema,
		shards:      max(req.GetShardsNum(), 1),
		consistency: req.GetConsistencyLevel(),
		properties:  req.GetProperties(),
		created:     s.timestamp(),
		byName:      make(map[string]int),
		rowOf:       make(map[key]int),
	}
	fields := schema.GetFields()
	if schema.GetEnableDynamicField() {
		fields = append(slices.Clone(fields), &schemapb.FieldSchema{
			FieldID: int64(firstFieldID + len(fields)), Name: dynamicField,
			DataType: schemapb.DataType_JSON, IsDynamic: true,
		})
	}
	for i, f := range fields {
		c.columns = append(c.columns, newColumn(f))
		c.byName[f.GetName()] = i
		if f.GetIsPrimaryKey() {
			c.primaryKey = i
		}
	}
	c.addPartition(s, defaultPartition)
	return c
}

func (c *collection) name() string { return c.schema.GetName() }

func (c *collection) rows() int { return len(c.partitionOf) }

// column finds a column by name; nil if there is none.
func (c *collection) column(name string) column {
	if i, ok := c.byName[name]; ok {
		return c.columns[i]
	}
	return nil
}

func (h *service) CreateCollection(ctx context.Context, req *milvuspb.CreateCollectionRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		db, err := h.store.database(ctx, req.GetDbName())
		if err != nil {
			return err
		}
		schema, err := parseSchema(req.GetCollectionName(), req.GetSchema())
		if err != nil {
			return err
		}
		if old, ok := db.collections[schema.GetName()]; ok {
			if equalSchemas(old.schema, schema) {
				return nil
			}
			return failf(CodeUnexpected, "create duplicate collection with different parameters, collection: %s", schema.GetName())
		}
		db.collections[schema.GetName()] = h.store.newCollection(req, schema)
		return nil
	}), nil
}

func (h *service) DropCollection(ctx context.Context, req *milvuspb.DropCollectionRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		db, err := h.store.database(ctx, req.GetDbName())
		if err != nil {
			return err
		}
		delete(db.collections, req.GetCollectionName())
		return nil
	}), nil
}

func (h *service) RenameCollection(ctx context.Context, req *milvuspb.RenameCollectionRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetOldName())
		if err != nil {
			return err
		}
		from, err := h.store.database(ctx, req.GetDbName())
		if err != nil {
			return err
		}
		to := from
		if req.GetNewDBName() != "" {
			if to, err = h.store.database(ctx, req.GetNewDBName()); err != nil {
				return err
			}
		}
		if !validName(req.GetNewName()) {
			return invalidf("Invalid collection name: %s: invalid parameter", req.GetNewName())
		}
		if _, ok := to.collections[req.GetNewName()]; ok {
			return failf(CodeUnexpected, "duplicated new collection name %s:%s with other collection name or alias", to.name, req.GetNewName())
		}
		delete(from.collections, req.GetOldName())
		c.schema = renamed(c.schema, req.GetNewName())
		to.collections[req.GetNewName()] = c
		return nil
	}), nil
}

func (h *service) HasCollection(ctx context.Context, req *milvuspb.HasCollectionRequest) (*milvuspb.BoolResponse, error) {
	reply := &milvuspb.BoolResponse{}
	reply.Status = h.reading(func() error {
		db, err := h.store.database(ctx, req.GetDbName())
		if err != nil {
			return err
		}
		_, reply.Value = db.collections[req.GetCollectionName()]
		return nil
	})
	return reply, nil
}

func (h *service) DescribeCollection(ctx context.Context, req *milvuspb.DescribeCollectionRequest) (*milvuspb.DescribeCollectionResponse, error) {
	reply := &milvuspb.DescribeCollectionResponse{}
	reply.Status = h.reading(func() error {
		db, err := h.store.database(ctx, req.GetDbName())
		if err != nil {
			return err
		}
		c, err := h.store.collection(ctx, db.name, req.GetCollectionName())
		if err != nil {
			return err
		}
		reply.Schema = c.schema
		reply.CollectionID, reply.CollectionName = c.id, c.name()
		reply.DbName, reply.DbId = db.name, db.id
		reply.CreatedTimestamp, reply.CreatedUtcTimestamp = c.created, physicalMillis(c.created)
		reply.ShardsNum, reply.NumPartitions = c.shards, int64(len(c.partitions))
		reply.ConsistencyLevel, reply.Properties = c.consistency, c.properties
		for i := range c.shards {
			channel := "by-dev-rootcoord-dml_" + strconv.Itoa(int(i))
			reply.PhysicalChannelNames = append(reply.PhysicalChannelNames, channel)
			reply.VirtualChannelNames = append(reply.VirtualChannelNames, channel+"_"+strconv.FormatInt(c.id, 10)+"v"+strconv.Itoa(int(i)))
		}
		return nil
	})
	return reply, nil
}

func (h *service) ShowCollections(ctx context.Context, req *milvuspb.ShowCollectionsRequest) (*milvuspb.ShowCollectionsResponse, error) {
	reply := &milvuspb.ShowCollectionsResponse{}
	reply.Status = h.reading(func() error {
		db, err := h.store.database(ctx, req.GetDbName())
		if err != nil {
			return err
		}
		inMemory := req.GetType() == milvuspb.ShowType_InMemory
		//lint:ignore SA1019 this protocol version asks so for the state of one collection
		names := req.GetCollectionNames()
		for _, name := range names {
			c, err := h.store.collection(ctx, db.name, name)
			if err != nil {
				return err
			}
			if inMemory && !c.loaded {
				return failf(CodeCollectionNotLoaded, "collection not loaded[collection=%s]", name)
			}
		}
		if len(names) == 0 {
			names = slices.Sorted(maps.Keys(db.collections))
		}
		for _, name := range names {
			c := db.collections[name]
			if inMemory && !c.loaded {
				continue
			}
			reply.CollectionNames = append(reply.CollectionNames, name)
			reply.CollectionIds = append(reply.CollectionIds, c.id)
			reply.CreatedTimestamps = append(reply.CreatedTimestamps, c.created)
			reply.CreatedUtcTimestamps = append(reply.CreatedUtcTimestamps, physicalMillis(c.created))
			if inMemory {
				reply.InMemoryPercentages = append(reply.InMemoryPercentages, 100)
				reply.QueryServiceAvailable = append(reply.QueryServiceAvailable, true)
			}
		}
		return nil
	})
	return reply, nil
}

func (h *service) GetCollectionStatistics(ctx context.Context, req *milvuspb.GetCollectionStatisticsRequest) (*milvuspb.GetCollectionStatisticsResponse, error) {
	reply := &milvuspb.GetCollectionStatisticsResponse{}
	reply.Status = h.reading(func() error {
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		reply.Stats = rowCount(c.rows())
		return nil
	})
	return reply, nil
}

func rowCount(n int) []*commonpb.KeyValuePair {
	return []*commonpb.KeyValuePair{{Key: "row_count", Value: strconv.Itoa(n)}}
}
