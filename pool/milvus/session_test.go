// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func TestASessionReadWaitsForWritesUnderEveryNameOfTheCollection(t *testing.T) {
	srv := start(t, milvustest.Config{})
	s := new(spy)
	f := s.inner(t, srv)
	a, b := dial(t, f), dial(t, f)
	createDocs(t, a, "v")
	loadDocs(t, a, "v")
	var wrote, asked uint64
	s.look(func(req, reply any) {
		if r, ok := reply.(*milvuspb.MutationResult); ok {
			wrote = r.GetTimestamp()
		}
		if r, ok := req.(*milvuspb.QueryRequest); ok {
			asked = r.GetGuaranteeTimestamp()
		}
	})
	step := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	read := func(c *milvus.Conn, name string) {
		t.Helper()
		_, err := c.Query(t.Context(), name, nil, "id > 0", []string{"id"}, client.WithSearchQueryConsistencyLevel(entity.ClSession))
		step("Query", err)
		if asked != wrote || wrote == 0 {
			t.Errorf("a session read of %s waits for %d, want the last write, %d", name, asked, wrote)
		}
	}
	remove := func(c *milvus.Conn, name string) {
		t.Helper()
		step("Delete", c.Delete(t.Context(), name, "", "id in [1]"))
	}
	step("CreateAlias", a.CreateAlias(t.Context(), "docs", "alias"))
	step("Insert", insert(t.Context(), a, "v", 1))
	read(b, "alias") // written under the name
	remove(b, "alias")
	read(a, "docs") // written under the alias
	remove(a, "docs")
	read(b, "alias")
	step("DropAlias", a.DropAlias(t.Context(), "alias"))
	step("RenameCollection", a.RenameCollection(t.Context(), "docs", "renamed"))
	read(b, "renamed")

	step("CreateAlias", a.CreateAlias(t.Context(), "renamed", "live"))
	read(a, "live")
	createDocs(t, a, "v")
	loadDocs(t, a, "v")
	step("Insert", insert(t.Context(), a, "v", 1))
	step("AlterAlias", b.AlterAlias(t.Context(), "docs", "live"))
	read(a, "live") // of the collection that the alias was switched to
}

func TestASessionReadDoesNotWaitForWritesToOtherCollections(t *testing.T) {
	srv := start(t, milvustest.Config{})
	setup := connect(t, srv)
	createWith(t, setup, "v", entity.ClSession)
	other := tenant(t, setup, "tenant", 2)
	var waits uint64
	for range 5 { // two collections share a place by a chance of one in some hundred
		s := new(spy)
		c := dial(t, s.inner(t, srv))
		s.look(func(req, _ any) {
			if r, ok := req.(*milvuspb.QueryRequest); ok {
				waits = r.GetGuaranteeTimestamp()
			}
		})
		write(other, t, c, 2, "a")
		if err := query(t, c, "id"); err != nil {
			t.Fatal(err)
		}
		if waits == 1 {
			return
		}
	}
	t.Errorf("the read waits for %d, want 1: there was no write to its collection", waits)
}
