// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// search returns the code of a search for (x, y), its ids, and the k of each hit.
func (q truth) search(x, y float32, topK int, outputs []string, params ...string) (code int32, hits string) {
	q.t.Helper()
	req := searchRequest(q.t, []float32{x, y})
	req.CollectionName, req.OutputFields = "c", outputs
	req.SearchParams = pairs(append(params, "anns_field", "vec", "metric_type", "L2", "params", "{}", "topk", fmt.Sprint(topK))...)
	r, err := q.raw.Search(q.ctx, req)
	must(q.t, err)
	var ks []int64
	for _, fd := range r.GetResults().GetFieldsData() {
		if fd.GetFieldName() == "k" {
			ks = fd.GetScalars().GetLongData().GetData()
		}
	}
	var all []string
	for i, id := range r.GetResults().GetIds().GetIntId().GetData() {
		all = append(all, fmt.Sprint(id))
		if i < len(ks) {
			all[i] += fmt.Sprint(":", ks[i])
		}
	}
	return r.GetStatus().GetCode(), strings.Join(all, " ")
}

// Looked up on 2.3.5: it queries the fields by the keys of the hits if a vector is asked
// for, and a query shows the oldest row of a key.
func TestASearchThatShowsVectorsShowsTheOldestRowOfAKey(t *testing.T) {
	eachRelease(t, func(q truth) {
		q.ready("c")
		q.insert("", 10, 1, 2)
		q.insert("", 110, 1)
		if code, hits := q.search(1, 110, 1, []string{"k"}); code != 0 || hits != "1:110" {
			t.Errorf("without vectors: %q with code %d, want the nearest row, 1:110", hits, code)
		}
		if code, hits := q.search(1, 110, 1, []string{"k", "vec"}); code != 0 || hits != "1:10" {
			t.Errorf("with vectors: %q with code %d, want the oldest row, 1:10", hits, code)
		}
		// The query of the keys 1 and 2 reads two rows in a segment of two keys, of three.
		want := "1:10 2:11"
		if q.version == v23 {
			want = ""
		}
		if code, hits := q.search(1, 110, 3, []string{"k", "vec"}); hits != want || (code == 0) != (want != "") {
			t.Errorf("two keys with vectors: %q with code %d, want %q", hits, code, want)
		}
	})
}

// Looked up on 2.3.5.
func TestAQueryOf23DoesNotFindTheLargestKey(t *testing.T) {
	eachRelease(t, func(q truth) {
		q.ready("c")
		q.insert("", 10, 1, math.MaxInt64)
		want := "1:10"
		if q.version != v23 {
			want += " 9223372036854775807:11"
		}
		q.sees("the largest key", want, "id > 0")
		q.counts("the largest key", 2, "id > 0")
		if _, hits := q.search(1, 10, 2, []string{"k"}); hits != "1:10 9223372036854775807:11" {
			t.Errorf("Search = %q, want both keys", hits)
		}
	})
}

// Looked up on 2.3.5.
func TestIgnoreGrowingLeavesOutWhatWasNotFlushed(t *testing.T) {
	eachRelease(t, func(q truth) {
		q.ready("c")
		q.insert("", 10, 1)
		q.sees("nothing was flushed", "", "id > 0", "ignore_growing", "true")
		if _, hits := q.search(1, 1, 3, []string{"k"}, "ignore_growing", "true"); hits != "" {
			t.Errorf("Search with ignore_growing = %q, want nothing", hits)
		}
		r, err := q.raw.Flush(q.ctx, &milvuspb.FlushRequest{CollectionNames: []string{"c"}})
		q.done("flush", 0, r.GetStatus(), err)
		q.insert("", 20, 2)
		q.sees("one was flushed", "1:10", "id > 0", "ignore_growing", "true")
		q.sees("all", "1:10 2:20", "id > 0", "ignore_growing", "false")
		if _, hits := q.search(1, 1, 3, []string{"k"}, "ignore_growing", "true"); hits != "1:10" {
			t.Errorf("Search with ignore_growing = %q, want 1:10", hits)
		}
	})
}

// Looked up on 2.3.5.
func TestTheFirstOfTwoParametersCounts(t *testing.T) {
	eachRelease(t, func(q truth) {
		q.ready("c")
		q.insert("", 10, 1, 2, 3)
		q.sees("limit 2 and limit 3", "1:10 2:11", "id > 0", "limit", "2", "limit", "3")
		if _, hits := q.search(1, 10, 3, nil, "topk", "1"); hits != "1" {
			t.Errorf("Search with topk 1 and topk 3 = %q, want one hit", hits)
		}
	})
}

// The tests of the SDK say so of 2.4; 2.3.5 was seen to give the whole field.
func TestADynamicKeyIsShownAloneSince24(t *testing.T) {
	eachRelease(t, func(q truth) {
		st, err := q.create("c", func(_ *milvuspb.CreateCollectionRequest, s *schemapb.CollectionSchema) { s.EnableDynamicField = true },
			primary(field("id", int64Type)), field("vec", vectorType, "dim", "2"))
		q.done("create", 0, st, err)
		q.load("c")
		dynamic := documents("", `{"a":1,"b":"x"}`)
		dynamic.IsDynamic = true
		r, err := q.raw.Insert(q.ctx, &milvuspb.InsertRequest{
			CollectionName: "c", NumRows: 1, FieldsData: []*schemapb.FieldData{longs("id", 1), vectorsOf(2, 1, 1), dynamic},
		})
		q.done("insert", 0, r.GetStatus(), err)
		for _, test := range []struct {
			outputs []string
			want    string
		}{{[]string{"a"}, `{"a":1}`}, {[]string{"a", "nope"}, `{"a":1}`}, {[]string{"a", "$meta"}, `{"a":1,"b":"x"}`}, {[]string{"*"}, `{"a":1,"b":"x"}`}} {
			if q.version == v23 {
				test.want = `{"a":1,"b":"x"}`
			}
			reply, err := q.raw.Query(q.ctx, &milvuspb.QueryRequest{CollectionName: "c", Expr: "id > 0", OutputFields: test.outputs})
			q.done("query", 0, reply.GetStatus(), err)
			i := slices.IndexFunc(reply.GetFieldsData(), (*schemapb.FieldData).GetIsDynamic)
			if i < 0 {
				t.Fatalf("%s: no dynamic field", test.outputs)
			}
			if got := string(reply.GetFieldsData()[i].GetScalars().GetJsonData().GetData()[0]); got != test.want {
				t.Errorf("%s: the dynamic field is %s, want %s", test.outputs, got, test.want)
			}
		}
	})
}

// Looked up on 2.3.5: the best two hits of the partition p are the rows of key 1, so that
// its key 2 is not found, and key 3 of another partition is.
func TestTheHitsOfASegmentMayHaveOneKey(t *testing.T) {
	eachRelease(t, func(q truth) {
		q.ready("c")
		st, err := q.raw.CreatePartition(q.ctx, &milvuspb.CreatePartitionRequest{CollectionName: "c", PartitionName: "p"})
		q.done("partition", 0, st, err)
		q.insert("p", 10, 1, 1, 2)
		q.insert("", 50, 3)
		if code, hits := q.search(1, 10, 2, []string{"k"}); code != 0 || hits != "1:10 3:50" {
			t.Errorf("Search = %q with code %d, want 1:10 3:50", hits, code)
		}
	})
}
