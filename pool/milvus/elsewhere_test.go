// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"testing"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// TestWhatAnotherProcessDoesToACollectionBreaksNoConnectionForGood has two factories,
// which share nothing, as two processes have. The one caches the schema, the other puts
// another collection in the place of the first.
func TestWhatAnotherProcessDoesToACollectionBreaksNoConnectionForGood(t *testing.T) {
	for name, replace := range map[string]func(*testing.T, *milvus.Conn){
		"drop and create": func(t *testing.T, other *milvus.Conn) {
			if err := other.DropCollection(t.Context(), "docs"); err != nil {
				t.Fatal(err)
			}
			createDocs(t, other, "w")
			loadDocs(t, other, "w")
		},
		"rename": func(t *testing.T, other *milvus.Conn) {
			if err := other.RenameCollection(t.Context(), "docs", "old"); err != nil {
				t.Fatal(err)
			}
			createDocs(t, other, "w")
			loadDocs(t, other, "w")
		},
	} {
		for method, ask := range map[string]func(*testing.T, *milvus.Conn) error{
			"Insert": func(t *testing.T, c *milvus.Conn) error { return insert(t.Context(), c, "w", 1) },
			"InsertRows": func(t *testing.T, c *milvus.Conn) error {
				_, err := c.InsertRows(t.Context(), "docs", "", []any{map[string]any{"id": int64(1), "w": []float32{0, 0}}})
				return err
			},
			"Search": func(t *testing.T, c *milvus.Conn) error {
				_, err := search(t.Context(), c, "w", 1)
				return err
			},
			"Query": func(t *testing.T, c *milvus.Conn) error {
				_, err := c.Query(t.Context(), "docs", nil, "id >= 0", []string{"w"})
				return err
			},
			"QueryIterator": func(t *testing.T, c *milvus.Conn) error {
				_, err := c.QueryIterator(t.Context(), client.NewQueryIteratorOption("docs").WithExpr("id >= 0").WithOutputFields("id", "w").WithBatchSize(1))
				return err
			},
			"Get": func(t *testing.T, c *milvus.Conn) error {
				_, err := c.Get(t.Context(), "docs", entity.NewColumnInt64("id", []int64{1}), client.GetWithOutputFields("id", "w"))
				return err
			},
		} {
			t.Run(name+", "+method, func(t *testing.T) {
				srv := start(t, milvustest.Config{})
				mine, other := connect(t, srv), connect(t, srv)
				createDocs(t, mine, "v")
				loadDocs(t, mine, "v")
				if err := insert(t.Context(), mine, "v", 1); err != nil {
					t.Fatal(err)
				}
				if _, err := search(t.Context(), mine, "v", 1); err != nil { // the schema is cached
					t.Fatal(err)
				}
				replace(t, other)
				if err := insert(t.Context(), other, "w", 1, 2); err != nil {
					t.Fatal(err)
				}
				if err := ask(t, mine); err != nil {
					t.Errorf("after the other process, %s = %v", method, err)
				}
				if err := insert(t.Context(), mine, "w", 3); err != nil {
					t.Errorf("and then Insert = %v", err)
				}
			})
		}
	}
}
