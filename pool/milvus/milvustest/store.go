// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"google.golang.org/grpc/metadata"
)

const (
	defaultDatabase  = "default"
	defaultPartition = "_default"
)

// store is the data of a server. It outlives the gRPC servers that serve it.
type store struct {
	// mu guards the databases, down to the rows. A call that changes something
	// holds it for writing, any other call for reading, so that searches run
	// side by side.
	mu        sync.RWMutex
	databases map[string]*database

	as release // whose behavior the server has

	users   users // those that a client has created, and root
	roles   roles
	rolesOf map[string][]string // by user
	groups  resourceGroups

	lastTimestamp atomic.Uint64
	lastID        atomic.Int64
}

type database struct {
	name        string
	id          int64
	created     uint64
	properties  []*commonpb.KeyValuePair
	collections map[string]*collection
	aliases     map[string]*collection
}

func newStore(as release) *store {
	s := &store{databases: make(map[string]*database), as: as}
	// The ids of Milvus come from the time too. All have 18 digits, so that the order of
	// keys does not depend on whether they are numbers or texts.
	s.lastID.Store(int64(s.timestamp()))
	s.users = users{rootUser: "Milvus"}
	s.roles, s.rolesOf = newRoles(), make(map[string][]string)
	s.groups = resourceGroups{defaultGroup: 1}
	s.addDatabase(defaultDatabase, nil)
	return s
}

func (s *store) addDatabase(name string, properties []*commonpb.KeyValuePair) {
	s.databases[name] = &database{
		name: name, id: s.nextID(), created: s.timestamp(), properties: properties,
		collections: make(map[string]*collection),
		aliases:     make(map[string]*collection),
	}
}

// nextID numbers databases, collections, partitions, indexes and the rows of
// collections with AutoID.
func (s *store) nextID() int64 { return s.lastID.Add(1) }

// timestamp returns a hybrid timestamp of Milvus: the milliseconds, shifted by
// 18 bits. No two are the same.
func (s *store) timestamp() uint64 {
	now := uint64(time.Now().UnixMilli()) << 18
	for {
		last := s.lastTimestamp.Load()
		next := max(now, last+1)
		if s.lastTimestamp.CompareAndSwap(last, next) {
			return next
		}
	}
}

// physicalMillis is the wall clock of a hybrid timestamp.
func physicalMillis(timestamp uint64) uint64 { return timestamp >> 18 }

// database returns the database of a call: the name is in the request, or else
// in the metadata, or else the default.
func (s *store) database(ctx context.Context, requested string) (*database, error) {
	name := s.databaseName(ctx, requested)
	db, ok := s.databases[name]
	if !ok {
		return nil, failf(CodeDatabaseNotFound, "database not found[database=%s]", name)
	}
	return db, nil
}

func (s *store) databaseName(ctx context.Context, requested string) string {
	return cmp.Or(requested, fromMetadata(ctx, "dbname"), defaultDatabase)
}

// collection finds the collection that a request names.
func (s *store) collection(ctx context.Context, requestedDB, name string) (*collection, error) {
	if err := checkCollectionName(name); err != nil {
		return nil, err
	}
	return s.unchecked(ctx, requestedDB, name)
}

// unchecked is collection for the requests in which Milvus does not check the name:
// inserts, searches, flushes, statistics, indexes.
func (s *store) unchecked(ctx context.Context, requestedDB, name string) (*collection, error) {
	db, err := s.database(ctx, requestedDB)
	if err != nil {
		if s.as.before(since24) {
			return nil, failf(CodeCollectionNotFound, "collection not found[database=%s][collection=%s]", s.databaseName(ctx, requestedDB), name)
		}
		return nil, err
	}
	if name == "" {
		return nil, failf(CodeCollectionNotFound, "collection not found[collection=0]")
	}
	c, ok := db.find(name)
	if !ok {
		return nil, failf(CodeCollectionNotFound, "collection not found[database=%s][collection=%s]", db.name, name)
	}
	return c, nil
}

func fromMetadata(ctx context.Context, key string) string {
	if values := metadata.ValueFromIncomingContext(ctx, key); len(values) > 0 {
		return values[0]
	}
	return ""
}
