// SPDX-License-Identifier: Apache-2.0

package milvusbase

import (
	"context"
	"net"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"go.opentelemetry.io/otel/attribute"
	"google.golang.org/grpc/peer"

	"github.com/penstock-go/penstock/internal/nested"
)

// Attributes of spans, and attrConsistency of metrics too.
const (
	attrConsistency attribute.Key = "milvus.consistency_level"
	attrTopK        attribute.Key = "milvus.search.top_k"
	attrVectors     attribute.Key = "milvus.search.vectors"
	attrPartitions  attribute.Key = "milvus.partitions"
	attrRows        attribute.Key = "milvus.rows_written"
	attrNamespace   attribute.Key = "db.namespace"
	attrQuery       attribute.Key = "db.query.text"
	attrPeer        attribute.Key = "network.peer.address"
	attrPeerPort    attribute.Key = "network.peer.port"
)

// Request is what an interceptor keeps of one request. One allocation has it all.
type Request struct {
	// To is filled in by gRPC. It stays empty if no transport was found for the request.
	To   peer.Peer
	own  said
	all  said
	note nested.Note
}

// said is what the observer is told of the requests of an attempt: a few numbers, and
// never a vector. A field is zero if no request had it.
type said struct {
	peer        net.Addr // node that was asked last
	database    string   // of the last request, "" for the database of the configuration
	consistency string
	topK        int64
	vectors     int64
	partitions  int64
	written     int64
	returned    int64
	asked       bool   // whether rows were asked for, and the answer came
	filter      string // with Config.QueryText only
}

// Ask takes what a request says. database is the one that the request names, "" for the
// database of the configuration. level is the name of the consistency level of a read,
// which only the adapter knows, "" if it does not.
func (r *Request) Ask(req any, database, level string, withFilter bool) {
	r.own.database = database
	r.own.ask(req, level, withFilter)
}

// End tells the observer of the request, once the reply is there.
func (r *Request) End(ctx context.Context, reply any, answered bool) {
	r.own.peer = r.To.Addr
	if answered {
		r.own.answer(reply)
	}
	nested.Add(ctx, func(before *nested.Note) *nested.Note {
		r.all = r.own
		if earlier, ok := before.Value.(*said); ok {
			r.all.after(earlier)
		}
		r.note = nested.Note{Value: &r.all, Annotations: before.Annotations}
		return &r.note
	})
}

// after adds what earlier requests of the same attempt said. Of each number the last
// word holds; rows add up.
func (s *said) after(earlier *said) {
	if s.peer == nil {
		s.peer = earlier.peer
	}
	if s.consistency == "" { // of a request that does not read rows
		s.consistency, s.topK, s.vectors, s.filter = earlier.consistency, earlier.topK, earlier.vectors, earlier.filter
	}
	if s.partitions == 0 {
		s.partitions = earlier.partitions
	}
	s.written += earlier.written
	s.returned += earlier.returned
	s.asked = s.asked || earlier.asked
}

func (s *said) ask(req any, level string, withFilter bool) {
	var filter string
	switch r := req.(type) {
	case *milvuspb.SearchRequest:
		s.consistency = level
		s.topK = Number(r.GetSearchParams(), "topk")
		s.vectors = r.GetNq()
		s.partitions = int64(len(r.GetPartitionNames()))
		filter = r.GetDsl()
	case *milvuspb.HybridSearchRequest:
		s.consistency = level
		s.topK = Number(r.GetRankParams(), "limit")
		for _, part := range r.GetRequests() {
			s.vectors += part.GetNq()
		}
		s.partitions = int64(len(r.GetPartitionNames()))
	case *milvuspb.QueryRequest:
		s.consistency = level
		s.partitions = int64(len(r.GetPartitionNames()))
		filter = r.GetExpr()
	case *milvuspb.InsertRequest:
		s.partitions = one(r.GetPartitionName())
	case *milvuspb.UpsertRequest:
		s.partitions = one(r.GetPartitionName())
	case *milvuspb.DeleteRequest:
		s.partitions = one(r.GetPartitionName())
		filter = r.GetExpr()
	}
	if withFilter {
		s.filter = filter
	}
}

// answer takes what a reply says.
func (s *said) answer(reply any) {
	switch r := reply.(type) {
	case *milvuspb.SearchResults:
		for _, n := range r.GetResults().GetTopks() {
			s.returned += n
		}
		s.asked = true
	case *milvuspb.QueryResults:
		s.returned, s.asked = rowsOf(r), true
	case *milvuspb.MutationResult:
		// An upsert counts the rows that it replaced as deleted.
		s.written = max(r.GetInsertCnt(), r.GetUpsertCnt(), r.GetDeleteCnt())
	}
}

// rowsOf returns how many rows a reply has. All its fields have as many values.
func rowsOf(r *milvuspb.QueryResults) int64 {
	for _, field := range r.GetFieldsData() {
		scalars := field.GetScalars()
		if n := max(len(scalars.GetLongData().GetData()), len(scalars.GetIntData().GetData()), len(scalars.GetStringData().GetData()),
			len(scalars.GetBoolData().GetData()), len(scalars.GetFloatData().GetData()), len(scalars.GetDoubleData().GetData()),
			len(scalars.GetBytesData().GetData()), len(scalars.GetArrayData().GetData()), len(scalars.GetJsonData().GetData())); n > 0 {
			return int64(n)
		}
		if v := field.GetVectors(); v.GetDim() > 0 && len(v.GetFloatVector().GetData()) > 0 {
			return int64(len(v.GetFloatVector().GetData())) / v.GetDim()
		}
	}
	return 0
}

// one is the number of partitions of a request that may name one.
func one(partition string) int64 {
	if partition == "" {
		return 0
	}
	return 1
}

// Number returns the number of a parameter, zero if there is none.
func Number(params []*commonpb.KeyValuePair, key string) int64 {
	for _, p := range params {
		if p.GetKey() == key {
			n, _ := strconv.ParseInt(p.GetValue(), 10, 64) // the SDK wrote it
			return n
		}
	}
	return 0
}

// LevelName returns the name of a level: one of five, whatever the number is.
func LevelName(level commonpb.ConsistencyLevel) string {
	if name, ok := commonpb.ConsistencyLevel_name[int32(level)]; ok {
		return name
	}
	return commonpb.ConsistencyLevel_Customized.String()
}

// SpanAttributes returns the attributes for the span of an operation or an attempt.
func (s *said) SpanAttributes() []attribute.KeyValue {
	kvs := make([]attribute.KeyValue, 0, 8)
	if s.consistency != "" {
		kvs = append(kvs, attrConsistency.String(s.consistency))
	}
	for _, n := range []struct {
		key   attribute.Key
		value int64
	}{{attrTopK, s.topK}, {attrVectors, s.vectors}, {attrPartitions, s.partitions}, {attrRows, s.written}} {
		if n.value > 0 {
			kvs = append(kvs, n.key.Int64(n.value))
		}
	}
	if s.database != "" {
		kvs = append(kvs, attrNamespace.String(s.database))
	}
	if s.filter != "" {
		kvs = append(kvs, attrQuery.String(s.filter))
	}
	if s.peer == nil {
		return kvs
	}
	host, port, err := net.SplitHostPort(s.peer.String())
	if err != nil { // no TCP: a dialer of the user's
		return append(kvs, attrPeer.String(s.peer.String()))
	}
	kvs = append(kvs, attrPeer.String(host))
	if n, err := strconv.Atoi(port); err == nil {
		kvs = append(kvs, attrPeerPort.Int(n))
	}
	return kvs
}

// MetricAttribute returns the consistency level, for the metrics of an operation. There
// are five.
func (s *said) MetricAttribute() attribute.KeyValue {
	if s.consistency == "" {
		return attribute.KeyValue{}
	}
	return attrConsistency.String(s.consistency)
}

// ReturnedRows returns how many rows the server returned, and false if none were asked
// for.
func (s *said) ReturnedRows() (int64, bool) { return s.returned, s.asked }
