// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

const collection = "penstock_example_colors"

// The operations, each declared once.
var (
	search = milvus.Search(collection)
	setUp  = core.Op{Name: "SetUp", Target: collection, Safety: core.Idempotent, Timeout: 30 * time.Second}
)

// Client is a client of Milvus.
type Client = *penstock.Client[*milvus.Conn]

// backend returns the settings of the Milvus at MILVUS_ADDRESS, or of one that is in this
// process as long as the application runs.
func backend(lifecycle fx.Lifecycle) (milvus.Config, error) {
	if address := os.Getenv("MILVUS_ADDRESS"); address != "" {
		return milvus.Config{Address: address}, nil
	}
	server, err := milvustest.New(milvustest.Config{})
	if err != nil {
		return milvus.Config{}, err
	}
	lifecycle.Append(fx.StopHook(server.Close))
	return milvus.Config{Address: server.Addr()}, nil
}

// Colors knows the names of colors.
type Colors struct{ client Client }

// newColors returns the colors. The application sets their collection up when it starts,
// and leaves it to the next start.
func newColors(lifecycle fx.Lifecycle, client Client) *Colors {
	c := &Colors{client}
	lifecycle.Append(fx.StartHook(c.setUp))
	return c
}

// Match is a color near the one that was asked for.
type Match struct {
	Name     string  `json:"name"`
	Distance float32 `json:"distance"` // squared
}

// Nearest returns the names of the colors nearest to rgb, the nearest first.
func (c *Colors) Nearest(ctx context.Context, rgb []byte, top int) ([]Match, error) {
	vector := entity.FloatVector{float32(rgb[0]), float32(rgb[1]), float32(rgb[2])}
	return core.Do(ctx, c.client, search, func(ctx context.Context, conn *milvus.Conn) ([]Match, error) {
		flat, err := entity.NewIndexFlatSearchParam()
		if err != nil {
			return nil, err
		}
		found, err := conn.Search(ctx, collection, nil, "", []string{"name"}, []entity.Vector{vector}, "rgb", entity.L2, top, flat)
		if err != nil {
			return nil, err
		}
		names, ok := found[0].Fields.GetColumn("name").(*entity.ColumnVarChar)
		if !ok {
			return nil, errors.New("the result has no names")
		}
		matches := make([]Match, names.Len())
		for i, name := range names.Data() {
			matches[i] = Match{name, found[0].Scores[i]}
		}
		return matches, nil
	})
}

var named = map[string][]float32{
	"black": {0, 0, 0}, "white": {255, 255, 255}, "gray": {128, 128, 128}, "red": {255, 0, 0},
	"lime": {0, 255, 0}, "blue": {0, 0, 255}, "yellow": {255, 255, 0}, "cyan": {0, 255, 255},
	"magenta": {255, 0, 255}, "orange": {255, 165, 0}, "pink": {255, 192, 203}, "brown": {165, 42, 42},
	"green": {0, 128, 0}, "navy": {0, 0, 128}, "purple": {128, 0, 128}, "teal": {0, 128, 128},
}

// setUp makes the collection, or what is missing of it. Each step may be repeated.
func (c *Colors) setUp(ctx context.Context) error {
	var names []string
	var vectors [][]float32
	for name, rgb := range named {
		names, vectors = append(names, name), append(vectors, rgb)
	}
	schema := entity.NewSchema().WithName(collection).
		WithField(entity.NewField().WithName("name").WithDataType(entity.FieldTypeVarChar).WithMaxLength(32).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("rgb").WithDataType(entity.FieldTypeFloatVector).WithDim(3))
	_, err := core.Do(ctx, c.client, setUp, func(ctx context.Context, conn *milvus.Conn) (done bool, err error) {
		there, err := conn.HasCollection(ctx, collection)
		if err == nil && !there {
			err = conn.CreateCollection(ctx, schema, 1, milvus.WithConsistencyLevel(entity.ClSession))
		}
		if err != nil {
			return false, err
		}
		if _, err := conn.Upsert(ctx, collection, "", entity.NewColumnVarChar("name", names), entity.NewColumnFloatVector("rgb", 3, vectors)); err != nil {
			return false, err
		}
		flat, err := entity.NewIndexFlat(entity.L2)
		if err != nil {
			return false, err
		}
		if err := conn.CreateIndex(ctx, collection, "rgb", flat, false); err != nil {
			return false, err
		}
		return true, conn.LoadCollection(ctx, collection, false)
	})
	return err
}
