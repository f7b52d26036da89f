// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"cmp"
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

	columns      []column // as in the schema, then the dynamic field if there is one
	byName       map[string]int
	primaryKey   int // index into columns
	partitionKey int // index into columns, -1 for none
	keysAreTexts bool

	partitionOf []*partition // of each row, as the next two
	segmentOf   []*segment
	born        []int64 // numbers the rows in the order of their inserts
	written     int64   // rows ever inserted
	keys        keyIndex
	buf         []int32 // of rows, for a call that holds the write lock

	partitions []*partition
	indexes    []*index
	loaded     bool // at least one partition is
	loadNew    bool // it was loaded as a whole, so that new partitions are loaded too
}

func (s *store) newCollection(req *milvuspb.CreateCollectionRequest, schema *schemapb.CollectionSchema, partitionKey, partitions int) *collection {
	c := &collection{
		as:          s.as,
		id:          s.nextID(),
		schema:      schema,
		shards:      max(req.GetShardsNum(), 1),
		consistency: req.GetConsistencyLevel(),
		properties:  req.GetProperties(),
		created:     s.timestamp(),
		byName:      make(map[string]int),
		keys:        newKeyIndex(),

		partitionKey: partitionKey,
	}
	fields := schema.GetFields()
	if schema.GetEnableDynamicField() {
		fields = append(slices.Clone(fields), &schemapb.FieldSchema{
			FieldID: int64(firstFieldID + len(fields)), Name: dynamicField,
			DataType: schemapb.DataType_JSON, IsDynamic: true,
		})
	}
	for i, f := range fields {
		col := newColumn(f)
		if col == nil {
			col = opaque{f}
		}
		c.columns = append(c.columns, col)
		if s.as.before(since24) {
			takeAny(c.columns[i])
		}
		c.byName[f.GetName()] = i
		if f.GetIsPrimaryKey() {
			c.primaryKey, c.keysAreTexts = i, f.GetDataType() == schemapb.DataType_VarChar
		}
	}
	c.addFirstPartitions(s, partitions)
	return c
}

// takeAny makes a column of numbers take NaN and infinity, as Milvus 2.3 does. The JSON
// that 2.3 takes is checked with the request.
func takeAny(col column) {
	switch col := col.(type) {
	case *scalars[float32]:
		col.verify = nil
	case *scalars[float64]:
		col.verify = nil
	case *scalars[[]byte]:
		col.verify = nil
	}
}

// sameSettings reports whether a request would make the collection that is there.
func (c *collection) sameSettings(req *milvuspb.CreateCollectionRequest, schema *schemapb.CollectionSchema, partitions int) bool {
	return equalSchemas(c.schema, schema) && c.shards == max(req.GetShardsNum(), 1) && c.consistency == req.GetConsistencyLevel() &&
		maps.Equal(pairsMap(c.properties), pairsMap(req.GetProperties())) && len(c.partitions) == partitions
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
		as := h.store.as
		if req.GetShardsNum() > maxShards {
			return as.badStatement("maximum shards's number should be limited to %d", maxShards)
		}
		schema, err := parseSchema(as, req.GetCollectionName(), req.GetSchema())
		if err != nil {
			return err
		}
		partitionKey, partitions, err := checkPartitionKey(as, schema, req.GetNumPartitions())
		if err != nil {
			return err
		}
		db, err := h.store.database(ctx, req.GetDbName())
		if err != nil {
			return as.failf(CodeDatabaseNotFound, "%v", err)
		}
		if _, ok := db.aliases[schema.GetName()]; ok {
			return h.server.as.nameIsAlias(schema.GetName())
		}
		if old, ok := db.collections[schema.GetName()]; ok {
			if old.sameSettings(req, schema, partitions) {
				return nil
			}
			return failf(CodeUnexpected, "create duplicate collection with different parameters, collection: %s", schema.GetName())
		}
		db.collections[schema.GetName()] = h.store.newCollection(req, schema, partitionKey, partitions)
		return nil
	}), nil
}

func (h *service) DropCollection(ctx context.Context, req *milvuspb.DropCollectionRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		if err := checkCollectionName(req.GetCollectionName()); err != nil {
			return err
		}
		db, err := h.store.database(ctx, req.GetDbName())
		switch {
		case err != nil && h.store.as.before(since24):
			return nil // It has no collection.
		case err != nil:
			return err
		}
		return db.drop(h.server.as, req.GetCollectionName())
	}), nil
}

func (h *service) RenameCollection(ctx context.Context, req *milvuspb.RenameCollectionRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		if err := checkCollectionName(req.GetNewName()); err != nil {
			return err
		}
		to, err := h.store.database(ctx, cmp.Or(req.GetNewDBName(), req.GetDbName()))
		if err != nil {
			return h.store.as.failf(CodeDatabaseNotFound, "%v", err)
		}
		from, err := h.store.database(ctx, req.GetDbName())
		if err != nil {
			_, err = h.store.unchecked(ctx, req.GetDbName(), req.GetOldName())
			return err
		}
		if _, ok := from.aliases[req.GetOldName()]; ok {
			return failf(CodeUnexpected, "unsupported use an alias to rename collection, alias:%s", req.GetOldName())
		}
		if _, ok := to.find(req.GetNewName()); ok {
			return failf(CodeUnexpected, "duplicated new collection name %s:%s with other collection name or alias", to.name, req.GetNewName())
		}
		c, err := h.store.unchecked(ctx, req.GetDbName(), req.GetOldName())
		if err != nil {
			return err
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
		if err := checkCollectionName(req.GetCollectionName()); err != nil {
			return err
		}
		db, err := h.store.database(ctx, req.GetDbName())
		switch {
		case err != nil && h.store.as.before(since24):
			return nil // It has no collection.
		case err != nil:
			return err
		}
		_, reply.Value = db.find(req.GetCollectionName())
		return nil
	})
	return reply, nil
}

func (h *service) DescribeCollection(ctx context.Context, req *milvuspb.DescribeCollectionRequest) (*milvuspb.DescribeCollectionResponse, error) {
	reply := &milvuspb.DescribeCollectionResponse{}
	reply.Status = h.reading(func() error {
		c, err := h.described(ctx, req)
		if err != nil {
			return err
		}
		db, err := h.store.database(ctx, req.GetDbName())
		if err != nil {
			return err
		}
		reply.Schema = c.schema
		reply.CollectionID, reply.CollectionName = c.id, req.GetCollectionName() // It may be an alias.
		reply.DbName, reply.DbId = db.name, db.id
		reply.Aliases = db.aliasesOf(c)
		reply.CreatedTimestamp, reply.CreatedUtcTimestamp = c.created, physicalMillis(c.created)
		reply.ShardsNum, reply.NumPartitions = c.shards, int64(len(c.partitions))
		reply.ConsistencyLevel, reply.Properties = c.consistency, c.properties
		for i := range c.shards {
			reply.PhysicalChannelNames = append(reply.PhysicalChannelNames, physicalChannel(i))
			reply.VirtualChannelNames = append(reply.VirtualChannelNames, channelName(c.id, i))
		}
		return nil
	})
	return reply, nil
}

// described returns the collection of a request, which has its name or else its id.
func (h *service) described(ctx context.Context, req *milvuspb.DescribeCollectionRequest) (*collection, error) {
	id := req.GetCollectionID()
	if req.GetCollectionName() != "" || id == 0 {
		return h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
	}
	db, err := h.store.database(ctx, req.GetDbName())
	if err != nil {
		return nil, err
	}
	for _, c := range db.collections {
		if c.id == id {
			return c, nil
		}
	}
	return nil, failf(CodeCollectionNotFound, "collection not found[collection=%d]", id)
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
		if !inMemory && h.store.as.before(since24) {
			names = nil // Milvus 2.3 reads the names only where it is asked for what is in memory.
		}
		for _, name := range names {
			c, err := h.store.collection(ctx, db.name, name)
			if err != nil {
				return err
			}
			if inMemory && !c.loaded {
				return h.store.as.failf(CodeCollectionNotLoaded, "collection not loaded[collection=%s]", name)
			}
		}
		if len(names) == 0 {
			names = slices.Sorted(maps.Keys(db.collections))
		}
		for _, name := range names {
			c, _ := db.find(name)
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
		c, err := h.store.unchecked(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		reply.Stats = rowCount(c.flushedRows())
		return nil
	})
	return reply, nil
}

func rowCount(n int) []*commonpb.KeyValuePair {
	return []*commonpb.KeyValuePair{{Key: "row_count", Value: strconv.Itoa(n)}}
}
