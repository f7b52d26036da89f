// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus/client/v2/entity"
	"github.com/milvus-io/milvus/client/v2/index"
	"github.com/milvus-io/milvus/client/v2/milvusclient"
	"github.com/milvus-io/milvus/pkg/v2/log"
	"github.com/milvus-io/milvus/pkg/v2/util/merr"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

func TestTheErrorsOfMilvusPackageMerrAreRecognized(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	_, err := describeCollectionOn(t.Context(), c, "nowhere")
	if !errors.Is(err, merr.ErrCollectionNotFound) || errors.Is(err, merr.ErrCollectionNotLoaded) || merr.Code(err) != 100 {
		t.Errorf("DescribeCollection = %v with code %d, want merr.ErrCollectionNotFound", err, merr.Code(err))
	}
	wrapped := fmt.Errorf("mine: %w", err)
	if !errors.Is(wrapped, merr.ErrCollectionNotFound) || merr.Code(wrapped) != 100 {
		t.Errorf("%v is not recognized", wrapped)
	}
	// The SDK itself compares with that error.
	has, err := c.HasCollection(t.Context(), milvusclient.NewHasCollectionOption("nowhere"))
	if has || err != nil {
		t.Errorf("HasCollection = %t, %v, want false", has, err)
	}
	createDocs(t, c, "v")
	if has, err = c.HasCollection(t.Context(), milvusclient.NewHasCollectionOption("docs")); !has || err != nil {
		t.Errorf("HasCollection = %t, %v, want true", has, err)
	}
}

// The SDK tries such a write up to ten times, with 200 ms in between.
func TestTheSDKDoesNotRepeatAWriteBecauseOfTheSchema(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	createDocs(t, c, "v")
	for name, write := range map[string]func() error{
		"Insert": func() error { return insert(t.Context(), c, "v", 1) },
		"Upsert": func() error { _, err := c.Upsert(t.Context(), rows("v", 1)); return err },
	} {
		remove := srv.Inject(milvustest.Fault{Method: name, Status: milvustest.NewStatus(109, "collection schema mismatch")})
		before := srv.Calls(name)
		err := write()
		wantStatus(t, err, 109, 0)
		if !errors.Is(err, merr.ErrCollectionSchemaMismatch) {
			t.Errorf("%s = %v, want merr.ErrCollectionSchemaMismatch", name, err)
		}
		if n := srv.Calls(name) - before; n != 1 {
			t.Errorf("%s was called %d times, want once", name, n)
		}
		remove()
	}
	describes := srv.Calls("DescribeCollection")
	err := insert(t.Context(), c, "nosuch", 1)
	if core.ErrorType(err) != "invalid_request" || !strings.Contains(err.Error(), "nosuch") || errors.Is(err, merr.ErrCollectionSchemaMismatch) {
		t.Errorf("Insert = %v of type %q, want an invalid request of the SDK", err, core.ErrorType(err))
	}
	wantClass(t, err, useless)
	if n := srv.Calls("DescribeCollection") - describes; n != 1 {
		t.Errorf("the schema was asked for %d times, want once", n)
	}
}

func TestAWriteThatFailsLogsNothing(t *testing.T) {
	lines, recorded := observer.New(zap.DebugLevel)
	before := log.L()
	// A level that the package has no logger for, so that it uses the global one.
	log.ReplaceGlobals(zap.New(lines), &log.ZapProperties{Core: lines, Level: zap.NewAtomicLevelAt(zap.DebugLevel - 1)})
	defer log.ReplaceGlobals(before, &log.ZapProperties{Core: before.Core(), Level: zap.NewAtomicLevel()})

	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	createDocs(t, c, "v")
	recorded.TakeAll()
	if err := insert(t.Context(), c, "nosuch", 1); err == nil {
		t.Fatal("Insert succeeded")
	}
	if got := recorded.TakeAll(); len(got) > 0 {
		t.Errorf("the SDK logged %v", got)
	}
	if err := insert(log.WithFields(t.Context()), c, "nosuch", 1); err == nil {
		t.Fatal("Insert succeeded")
	}
	if recorded.Len() == 0 {
		t.Error("nothing was logged to the caller's logger")
	}
}

func TestSessionReadsSeeTheWritesOfAllConnections(t *testing.T) {
	srv := start(t, milvustest.Config{})
	s := new(spy)
	f := s.inner(t, srv)
	a, b := dial(t, f), dial(t, f)
	createWith(t, a, "v", entity.ClSession)
	var wrote, asked uint64
	var level commonpb.ConsistencyLevel
	s.look(func(req, reply any) {
		switch r := req.(type) {
		case *milvuspb.QueryRequest:
			asked, level = r.GetGuaranteeTimestamp(), r.GetConsistencyLevel()
		case *milvuspb.SearchRequest:
			asked, level = r.GetGuaranteeTimestamp(), r.GetConsistencyLevel()
		case *milvuspb.HybridSearchRequest:
			asked, level = r.GetGuaranteeTimestamp(), r.GetConsistencyLevel()
		}
		if r, ok := reply.(*milvuspb.MutationResult); ok {
			wrote = r.GetTimestamp()
		}
	})
	reads := map[string]func(c *milvusv2.Conn) error{
		"Query, by default": func(c *milvusv2.Conn) error { return query(t, c, "id") },
		"Query": func(c *milvusv2.Conn) error {
			_, err := c.Query(t.Context(), milvusclient.NewQueryOption("docs").WithFilter("id > 0").WithConsistencyLevel(entity.ClSession))
			return err
		},
		"Search": func(c *milvusv2.Conn) error { _, err := search(t.Context(), c, "v", 1); return err },
		"HybridSearch": func(c *milvusv2.Conn) error {
			_, _ = c.HybridSearch(t.Context(), milvusclient.NewHybridSearchOption("docs", 1, milvusclient.NewAnnRequest("v", 1, entity.FloatVector{0, 0})))
			return nil // the request is what counts
		},
		"QueryIterator": func(c *milvusv2.Conn) error {
			_, err := c.QueryIterator(t.Context(), milvusclient.NewQueryIteratorOption("docs").WithBatchSize(10))
			return err
		},
	}
	id := int64(0)
	for name, read := range reads {
		for _, through := range []struct{ write, read *milvusv2.Conn }{{a, a}, {a, b}, {b, a}, {b, dial(t, f)}} {
			id++
			if err := insert(t.Context(), through.write, "v", id); err != nil {
				t.Fatal(err)
			}
			if id%2 == 0 {
				if _, err := through.write.Delete(t.Context(), milvusclient.NewDeleteOption("docs").WithInt64IDs("id", []int64{id})); err != nil {
					t.Fatal(err)
				}
			}
			asked, level = 0, 0
			if err := read(through.read); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if wrote == 0 || asked != wrote || level != commonpb.ConsistencyLevel_Session {
				t.Errorf("%s waits for %d with level %v, want the last write, %d, and Session", name, asked, level, wrote)
			}
		}
	}
}

func TestOtherReadsAreLeftAlone(t *testing.T) {
	srv := start(t, milvustest.Config{})
	s := new(spy)
	c := dial(t, s.inner(t, srv))
	createWith(t, c, "v", entity.ClStrong)
	if err := insert(t.Context(), c, "v", 1); err != nil {
		t.Fatal(err)
	}
	var seen *milvuspb.QueryRequest
	s.look(func(req, _ any) {
		if r, ok := req.(*milvuspb.QueryRequest); ok {
			seen = r
		}
	})
	if err := query(t, c, "id"); err != nil {
		t.Fatal(err)
	}
	if !seen.GetUseDefaultConsistency() || seen.GetGuaranteeTimestamp() != 0 {
		t.Errorf("a read with the default level is sent as %v", seen)
	}
	if _, err := c.Query(t.Context(), milvusclient.NewQueryOption("docs").WithFilter("id > 0").WithConsistencyLevel(entity.ClEventually)); err != nil {
		t.Fatal(err)
	}
	if seen.GetConsistencyLevel() != commonpb.ConsistencyLevel_Eventually || seen.GetGuaranteeTimestamp() != 0 {
		t.Errorf("an eventual read is sent as %v", seen)
	}
}

// The SDK returns nil here, and leaves the collection unloaded.
func TestCreateCollectionReturnsTheErrorOfItsIndex(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	srv.Inject(milvustest.Fault{Method: "DescribeIndex", Status: milvustest.NewStatus(700, "index not found")})
	option := milvusclient.NewCreateCollectionOption("docs", docs("v")).
		WithIndexOptions(milvusclient.NewCreateIndexOption("docs", "v", index.NewFlatIndex(entity.L2)))
	wantStatus(t, c.CreateCollection(t.Context(), option), 700, 0)
}

func TestASimpleCollectionIsCreatedWithItsIndexAndLoaded(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	if err := c.CreateCollection(t.Context(), milvusclient.SimpleCreateCollectionOptions("simple", 2)); err != nil {
		t.Fatal(err)
	}
	state, err := c.GetLoadState(t.Context(), milvusclient.NewGetLoadStateOption("simple"))
	if err != nil || state.State != entity.LoadStateLoaded {
		t.Errorf("GetLoadState = %v, %v, want loaded", state, err)
	}
}

func TestASearchWithoutHitsHasAnEmptyResult(t *testing.T) {
	for _, version := range []string{"2.3.5", "2.4.2"} {
		srv := start(t, milvustest.Config{Version: version})
		c := connect(t, srv)
		createWith(t, c, "v", entity.ClStrong)
		results, err := c.Search(t.Context(), milvusclient.NewSearchOption("docs", 3, []entity.Vector{entity.FloatVector{0, 0}, entity.FloatVector{1, 1}}).
			WithANNSField("v").WithOutputFields("id", "v"))
		if err != nil || len(results) != 2 {
			t.Fatalf("%s: Search = %v, %v, want two results", version, results, err)
		}
		for _, r := range results {
			if r.Err != nil || r.ResultCount != 0 {
				t.Errorf("%s: the result is %d, %v, want none and no error", version, r.ResultCount, r.Err)
			}
		}
	}
}

// The SDK would return rows without their keys.
func TestASearchNoticesThatAnotherProcessReplacedTheKey(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c, other := connect(t, srv), connect(t, srv)
	createWith(t, other, "v", entity.ClStrong)
	if _, err := search(t.Context(), c, "v", 1); err != nil {
		t.Fatal(err)
	}
	if err := dropCollectionOn(t.Context(), other, "docs"); err != nil {
		t.Fatal(err)
	}
	schema := entity.NewSchema().WithName("docs").
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeVarChar).WithMaxLength(10).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("v").WithDataType(entity.FieldTypeFloatVector).WithDim(2))
	if err := other.CreateCollection(t.Context(), milvusclient.NewCreateCollectionOption("docs", schema).WithConsistencyLevel(entity.ClStrong)); err != nil {
		t.Fatal(err)
	}
	loadDocs(t, other, "v")
	if _, err := other.Insert(t.Context(), milvusclient.NewColumnBasedInsertOption("docs").
		WithVarcharColumn("id", []string{"one"}).WithFloatVectorColumn("v", 2, [][]float32{{1, 2}})); err != nil {
		t.Fatal(err)
	}
	results, err := search(t.Context(), c, "v", 1)
	if err != nil || len(results) != 1 || results[0].Err != nil || results[0].IDs.Len() != 1 {
		t.Fatalf("Search = %+v, %v, want one row", results, err)
	}
	if id, err := results[0].IDs.GetAsString(0); id != "one" || err != nil {
		t.Errorf("the key is %q, %v, want one", id, err)
	}
}

func TestAnAttemptSaysThatAWriteMayHaveBeenApplied(t *testing.T) {
	srv := start(t, milvustest.Config{})
	createDocs(t, connect(t, srv), "v")
	srv.Inject(milvustest.Fault{Method: "Insert", Status: milvustest.NewStatus(109, "collection schema mismatch"), After: true, Times: 1})
	class := classOf(t, srv, func(ctx context.Context, c *milvusv2.Conn) error { return insert(ctx, c, "v", 1) })
	if class.Retry != core.RetryNever || class.Verdict != core.Success {
		t.Errorf("a schema mismatch is %+v, want an answer", class)
	}
}
