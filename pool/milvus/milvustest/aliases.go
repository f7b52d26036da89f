// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"cmp"
	"context"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
)

// find returns the collection with this name or this alias.
func (db *database) find(name string) (*collection, bool) {
	if c, ok := db.collections[name]; ok {
		return c, true
	}
	c, ok := db.aliases[name]
	if !ok || db.collections[c.name()] != c {
		return nil, false // Milvus 2.3 keeps the aliases of a dropped collection.
	}
	return c, true
}

// aliasDatabase returns the database of a request about aliases that exist. Milvus 2.3
// does not look at the metadata of such a call.
func (h *service) aliasDatabase(ctx context.Context, requested string) (*database, error) {
	if h.server.as.before(since24) {
		requested = cmp.Or(requested, defaultDatabase)
	}
	return h.store.database(ctx, requested)
}

// aliasesOf returns the aliases of a collection, sorted.
func (db *database) aliasesOf(c *collection) []string {
	var names []string
	for alias, target := range db.aliases {
		if target == c {
			names = append(names, alias)
		}
	}
	slices.Sort(names)
	return names
}

// drop removes a collection. A collection that does not exist is no error.
func (db *database) drop(as release, name string) error {
	if _, ok := db.aliases[name]; ok {
		return failf(CodeUnexpected, "cannot drop the collection via alias = %s", name)
	}
	c, ok := db.collections[name]
	if !ok {
		return nil
	}
	if aliases := db.aliasesOf(c); len(aliases) > 0 && !as.before(since24) {
		return failf(CodeUnexpected, "unable to drop the collection [%s] because it has associated aliases %v, "+
			"please remove all aliases before dropping the collection", name, aliases)
	}
	delete(db.collections, name)
	return nil
}

// aliasRequest is a request that gives an alias to a collection.
type aliasRequest interface {
	GetDbName() string
	GetCollectionName() string
	GetAlias() string
}

// aliasTarget checks a request that gives an alias to a collection. It returns the
// database and the collection.
func (h *service) aliasTarget(ctx context.Context, req aliasRequest) (*database, *collection, error) {
	if err := checkAlias(req.GetAlias()); err != nil {
		return nil, nil, err
	}
	if err := checkCollectionName(req.GetCollectionName()); err != nil {
		return nil, nil, err
	}
	db, err := h.store.database(ctx, req.GetDbName())
	if err != nil {
		return nil, nil, err
	}
	if _, ok := db.collections[req.GetAlias()]; ok {
		return nil, nil, failf(CodeAliasCollectionNameConflict,
			"alias and collection name conflict[database=%s][alias=%s]", db.name, req.GetAlias())
	}
	c, ok := db.collections[req.GetCollectionName()] // An alias of an alias is not allowed.
	if !ok {
		return nil, nil, failf(CodeCollectionNotFound, "collection not found[database=%s][collection=%s]", db.name, req.GetCollectionName())
	}
	return db, c, nil
}

func checkAlias(alias string) error {
	switch {
	case alias == "":
		return invalidf("collection alias should not be empty: invalid parameter")
	case !validName(alias) && !validName(alias[:1]):
		return invalidf("Invalid collection alias: %s. the first character of a collection alias must be an underscore or letter: "+
			"invalid parameter", alias)
	case !validName(alias):
		return invalidf("Invalid collection alias: %s. collection alias can only contain numbers, letters and underscores: invalid parameter", alias)
	}
	return nil
}

func (h *service) CreateAlias(ctx context.Context, req *milvuspb.CreateAliasRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		db, c, err := h.aliasTarget(ctx, req)
		if err != nil {
			return err
		}
		switch old, ok := db.aliases[req.GetAlias()]; {
		case ok && old == c:
			return nil
		case ok:
			return failf(CodeAliasAlreadyExist, "%s is alias to another collection: %s: alias already exist[database=%s][alias=%s]",
				req.GetAlias(), old.name(), db.name, req.GetAlias())
		}
		db.aliases[req.GetAlias()] = c
		return nil
	}), nil
}

func (h *service) AlterAlias(ctx context.Context, req *milvuspb.AlterAliasRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		db, c, err := h.aliasTarget(ctx, req)
		if err != nil {
			return err
		}
		if _, ok := db.aliases[req.GetAlias()]; !ok {
			return aliasNotFound(db, req.GetAlias())
		}
		db.aliases[req.GetAlias()] = c
		return nil
	}), nil
}

func aliasNotFound(db *database, alias string) error {
	return failf(CodeAliasNotFound, "alias not found[database=%s][alias=%s]", db.name, alias)
}

func (h *service) DropAlias(ctx context.Context, req *milvuspb.DropAliasRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		if err := checkAlias(req.GetAlias()); err != nil {
			return err
		}
		db, err := h.store.database(ctx, req.GetDbName())
		if err != nil {
			return err
		}
		delete(db.aliases, req.GetAlias()) // An alias that does not exist is no error.
		return nil
	}), nil
}

func (h *service) DescribeAlias(ctx context.Context, req *milvuspb.DescribeAliasRequest) (*milvuspb.DescribeAliasResponse, error) {
	reply := &milvuspb.DescribeAliasResponse{}
	reply.Status = h.reading(func() error {
		if req.GetAlias() == "" {
			return failf(CodeParameterMissing, "no input alias: missing parameter[missing_param=alias]")
		}
		db, err := h.aliasDatabase(ctx, req.GetDbName())
		if err != nil {
			return err
		}
		c, ok := db.aliases[req.GetAlias()]
		if !ok || db.collections[c.name()] != c {
			return aliasNotFound(db, req.GetAlias())
		}
		reply.DbName, reply.Alias, reply.Collection = db.name, req.GetAlias(), c.name()
		if h.server.as.before(since24) {
			reply.DbName = req.GetDbName()
		}
		return nil
	})
	return reply, nil
}

func (h *service) ListAliases(ctx context.Context, req *milvuspb.ListAliasesRequest) (*milvuspb.ListAliasesResponse, error) {
	reply := &milvuspb.ListAliasesResponse{}
	reply.Status = h.reading(func() error {
		db, err := h.aliasDatabase(ctx, req.GetDbName())
		if err != nil {
			return err
		}
		reply.DbName, reply.CollectionName = db.name, req.GetCollectionName()
		if h.server.as.before(since24) {
			reply.DbName, reply.CollectionName = req.GetDbName(), ""
		}
		if req.GetCollectionName() == "" {
			for _, c := range db.collections {
				reply.Aliases = append(reply.Aliases, db.aliasesOf(c)...)
			}
			slices.Sort(reply.Aliases)
			return nil
		}
		c, ok := db.collections[req.GetCollectionName()]
		if !ok {
			return failf(CodeCollectionNotFound, "collection not found[collection=%s]", req.GetCollectionName())
		}
		reply.Aliases = db.aliasesOf(c)
		return nil
	})
	return reply, nil
}

// nameIsAlias is the error of a new collection with the name of an alias.
func (r release) nameIsAlias(name string) error {
	if r.before(since24) {
		return failf(CodeUnexpected, "create duplicate collection with different parameters, collection: %s", name)
	}
	return failf(CodeUnexpected, "collection name [%s] conflicts with an existing alias, please choose a unique name", name)
}
