// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus"
)

const (
	collection = "digits"
	// marker is the description of the collection that this example makes. It drops
	// no other.
	marker = "handwritten digits, made and dropped by the Penstock quickstart"
)

// The operations are declared once. Their names appear in spans and metrics.
var (
	opHas      = core.Op{Name: "HasCollection", Target: collection, Safety: core.ReadOnly, Timeout: 10 * time.Second}
	opDescribe = within(10*time.Second, milvus.DescribeCollection(collection))
	opCreate   = within(10*time.Second, milvus.CreateCollection(collection))
	opInsert   = within(10*time.Second, milvus.Insert(collection))
	opIndex    = within(20*time.Second, milvus.CreateIndex(collection))
	opLoad     = within(20*time.Second, milvus.Load(collection))
	opSearch   = milvus.Search(collection)
	opDrop     = within(10*time.Second, milvus.DropCollection(collection))
)

// within returns op with a limit for each attempt.
func within(limit time.Duration, op core.Op) core.Op {
	op.Timeout = limit
	return op
}

// errForeign says that another program made the collection.
var errForeign = errors.New("the server has a collection " + collection + " that this example did not make; it is left alone")

type client = *penstock.Client[*milvus.Conn]

// do runs an operation that has no result.
func do(ctx context.Context, c client, op core.Op, fn func(context.Context, *milvus.Conn) error) error {
	_, err := core.Do(ctx, c, op, func(ctx context.Context, conn *milvus.Conn) (struct{}, error) {
		return struct{}{}, fn(ctx, conn)
	})
	return err
}

// claim drops the collection of an earlier run. It returns errForeign for the
// collection of another program.
func claim(ctx context.Context, c client) error {
	exists, err := has(ctx, c)
	if err != nil || !exists {
		return err
	}
	found, err := core.Do(ctx, c, opDescribe, func(ctx context.Context, conn *milvus.Conn) (*entity.Collection, error) {
		return conn.DescribeCollection(ctx, collection)
	})
	if err != nil {
		return err
	}
	if found.Schema.Description != marker {
		return fmt.Errorf("%w (its description is %q)", errForeign, found.Schema.Description)
	}
	return drop(ctx, c)
}

func has(ctx context.Context, c client) (bool, error) {
	return core.Do(ctx, c, opHas, func(ctx context.Context, conn *milvus.Conn) (bool, error) {
		return conn.HasCollection(ctx, collection)
	})
}

func drop(ctx context.Context, c client) error {
	return do(ctx, c, opDrop, func(ctx context.Context, conn *milvus.Conn) error {
		return conn.DropCollection(ctx, collection)
	})
}

// create makes the collection.
func create(ctx context.Context, c client) error {
	schema := entity.NewSchema().WithName(collection).WithDescription(marker).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("label").WithDataType(entity.FieldTypeInt64)).
		WithField(entity.NewField().WithName("pixels").WithDataType(entity.FieldTypeFloatVector).WithDim(dim))
	return do(ctx, c, opCreate, func(ctx context.Context, conn *milvus.Conn) error {
		return conn.CreateCollection(ctx, schema, 1, milvus.WithConsistencyLevel(entity.ClStrong))
	})
}

// store inserts the digits, and makes an index for exact search.
func store(ctx context.Context, c client, digits []digit) error {
	ids, labels, pixels := make([]int64, len(digits)), make([]int64, len(digits)), make([][]float32, len(digits))
	for i, d := range digits {
		ids[i], labels[i], pixels[i] = int64(i), d.label, d.pixels
	}
	err := do(ctx, c, opInsert, func(ctx context.Context, conn *milvus.Conn) error {
		_, err := conn.Insert(ctx, collection, "",
			entity.NewColumnInt64("id", ids),
			entity.NewColumnInt64("label", labels),
			entity.NewColumnFloatVector("pixels", dim, pixels))
		return err
	})
	if err != nil {
		return err
	}
	err = do(ctx, c, opIndex, func(ctx context.Context, conn *milvus.Conn) error {
		flat, err := entity.NewIndexFlat(entity.L2)
		if err != nil {
			return err
		}
		return conn.CreateIndex(ctx, collection, "pixels", flat, false)
	})
	if err != nil {
		return err
	}
	return do(ctx, c, opLoad, func(ctx context.Context, conn *milvus.Conn) error {
		return conn.LoadCollection(ctx, collection, false)
	})
}

// neighbours is the number of neighbours that vote.
const neighbours = 3

// search returns the labels of the digits nearest to d, the nearest first.
func search(ctx context.Context, c client, d digit) ([]int64, error) {
	return core.Do(ctx, c, opSearch, searchFor(d))
}

// searchFor returns the work of a search.
func searchFor(d digit) func(context.Context, *milvus.Conn) ([]int64, error) {
	return func(ctx context.Context, conn *milvus.Conn) ([]int64, error) {
		flat, err := entity.NewIndexFlatSearchParam()
		if err != nil {
			return nil, err
		}
		found, err := conn.Search(ctx, collection, nil, "", []string{"label"},
			[]entity.Vector{entity.FloatVector(d.pixels)}, "pixels", entity.L2, neighbours, flat)
		if err != nil {
			return nil, err
		}
		if len(found) != 1 {
			return nil, fmt.Errorf("%d results for one query", len(found))
		}
		labels, ok := found[0].Fields.GetColumn("label").(*entity.ColumnInt64)
		if !ok {
			return nil, errors.New("the result has no labels")
		}
		return labels.Data(), nil
	}
}

// vote returns the label that most neighbours have. Among equals the label of the
// nearest neighbour wins.
func vote(labels []int64) int64 {
	best, most := int64(-1), 0
	for i, label := range labels {
		n := 0
		for _, other := range labels[i:] {
			if other == label {
				n++
			}
		}
		if n > most {
			best, most = label, n
		}
	}
	return best
}
