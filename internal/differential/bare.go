// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
)

// bare are the operations that go over a bare stub, for what the SDK would not send.
var bare = map[string]operation{}

func init() {
	bare = map[string]operation{
		"raw!":       func(ctx context.Context, s *session, r Request) (Outcome, error) { return s.raw(ctx, r.Name, r.Raw) },
		"create!":    createBare,
		"index!":     indexBare,
		"search!":    searchBare,
		"query!":     queryBare,
		"insert!":    insertBare,
		"upsert!":    upsertBare,
		"delete!":    deleteBare,
		"partition!": partitionBare,
	}
}

// raw sends a request and returns the normal form of the reply. The method is the name of
// the request's type, unless it is given.
func (s *session) raw(ctx context.Context, method string, req protoadapt.MessageV1) (Outcome, error) {
	if method == "" {
		method = strings.TrimSuffix(reflect.TypeOf(req).Elem().Name(), "Request")
	}
	call := reflect.ValueOf(milvuspb.NewMilvusServiceClient(s.stub)).MethodByName(method)
	if !call.IsValid() {
		return Outcome{}, fmt.Errorf("differential: no method %s", method)
	}
	if s.database != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "dbname", s.database)
	}
	results := call.Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(req)})
	if err, failed := results[1].Interface().(error); failed {
		return Outcome{}, err
	}
	reply := results[0].Interface()
	st, _ := reply.(*commonpb.Status)
	if whole, ok := reply.(interface{ GetStatus() *commonpb.Status }); ok {
		st = whole.GetStatus()
	}
	if out := failed(st); out != nil {
		return *out, nil
	}
	return Outcome{Rows: facts(protoadapt.MessageV2Of(reply.(protoadapt.MessageV1)))}, nil
}

// passing are the fields of a reply that differ from run to run.
var passing = map[string]bool{
	"status": true, "timestamp": true, "sessionTs": true, "createdTimestamp": true, "createdUtcTimestamp": true, "createdTimestamps": true,
	"createdUtcTimestamps": true, "collectionID": true, "collectionIds": true, "partitionIDs": true, "physicalChannelNames": true,
	"virtualChannelNames": true, "startPositions": true, "indexID": true, "msgID": true, "identifier": true, "serverInfo": true, "segmentIDs": true,
	"flushTs": true, "collSegIDs": true, "flushCollSegIDs": true, "collSealTimes": true, "collFlushTs": true, "channelCps": true, "allSearchCount": true,
	"compactionID": true, "resourceGroups": true, "infos": true, "replicas": true, "response": true, "createdTimestampMs": true, "dbId": true, "dbID": true, "dbName": true, "flushAllTs": true,
	"executingPlanNo": true, "timeoutPlanNo": true, "completedPlanNo": true, "failedPlanNo": true,
}

// facts returns the fields of a reply that do not pass, sorted.
func facts(reply proto.Message) []string {
	text, err := protojson.Marshal(reply)
	if err != nil {
		return []string{"unreadable"}
	}
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		return []string{"unreadable"}
	}
	var rows []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if !passing[key] {
			if names, ok := all[key].([]any); ok && key == "outputFields" {
				slices.SortFunc(names, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			}
			value, err := json.Marshal(prune(all[key]))
			if err != nil {
				panic(err) // it was JSON
			}
			rows = append(rows, key+"="+string(value))
		}
	}
	return rows
}

// prune removes the fields that pass from a value.
func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if passing[key] {
				delete(v, key)
			} else {
				v[key] = prune(value)
			}
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
		sortObjects(v)
	case float64:
		return json.Number(strconv.FormatFloat(v, 'g', 5, 64)) // scores differ in their last digits
	}
	return v
}

// sortObjects sorts a list of objects. The real server has some lists in the order of a map.
func sortObjects(list []any) {
	for _, v := range list {
		if _, ok := v.(map[string]any); !ok {
			return
		}
	}
	slices.SortStableFunc(list, func(a, b any) int {
		x, errA := json.Marshal(a)
		y, errB := json.Marshal(b)
		if errA != nil || errB != nil {
			panic("differential: no JSON") // it was
		}
		return bytes.Compare(x, y)
	})
}

// createBare takes shards, level and partitions from the parameters; others are properties.
func createBare(ctx context.Context, s *session, r Request) (Outcome, error) {
	schema := parseSchema(r.On, r.Text)
	s.schemas[r.On] = schema
	req := &milvuspb.CreateCollectionRequest{CollectionName: r.On, ShardsNum: 1}
	for _, p := range pairs(r.Params) {
		switch n := integer(p.GetValue()); p.GetKey() {
		case "shards":
			req.ShardsNum = int32(n)
		case "level":
			req.ConsistencyLevel = commonpb.ConsistencyLevel(n)
		case "partitions":
			req.NumPartitions = n
		case "name": // of the schema
			schema.Name = p.GetValue()
		case "auto": // of the schema
			schema.AutoID = true
		default:
			req.Properties = append(req.Properties, p)
		}
	}
	var err error
	if req.Schema, err = proto.Marshal(protoadapt.MessageV2Of(schema)); err != nil {
		return Outcome{}, err
	}
	return s.raw(ctx, "", req)
}

func indexBare(ctx context.Context, s *session, r Request) (Outcome, error) {
	return s.raw(ctx, "", &milvuspb.CreateIndexRequest{CollectionName: r.On, FieldName: r.Field, IndexName: r.Name, ExtraParams: pairs(r.Params)})
}

func partitionBare(ctx context.Context, s *session, r Request) (Outcome, error) {
	return s.raw(ctx, "", &milvuspb.CreatePartitionRequest{CollectionName: r.On, PartitionName: r.Name})
}

func deleteBare(ctx context.Context, s *session, r Request) (Outcome, error) {
	return s.raw(ctx, "", &milvuspb.DeleteRequest{CollectionName: r.On, PartitionName: first(r.In), Expr: r.Filter})
}

func queryBare(ctx context.Context, s *session, r Request) (Outcome, error) {
	return s.raw(ctx, "", &milvuspb.QueryRequest{
		CollectionName: r.On, PartitionNames: r.In, Expr: r.Filter, OutputFields: r.Out, QueryParams: pairs(r.Params), GuaranteeTimestamp: strongTimestamp,
	})
}

// strongTimestamp asks for Strong consistency.
const strongTimestamp = 0

// searchBare has the parameters of a search of three neighbours, with the changes in Params: key=value
// replaces or adds one, and -key removes one.
func searchBare(ctx context.Context, s *session, r Request) (Outcome, error) {
	all := map[string]string{"anns_field": "v", "topk": "3", "metric_type": "L2", "params": "{}", "round_decimal": "-1"}
	for word := range strings.FieldsSeq(r.Params) {
		if name, ok := strings.CutPrefix(word, "-"); ok {
			delete(all, name)
			continue
		}
		key, value, _ := strings.Cut(word, "=")
		all[key] = value
	}
	vectors, err := vectorsOf(r.Vectors)
	if err != nil {
		return Outcome{}, err
	}
	group, err := placeholders(vectors)
	if err != nil {
		return Outcome{}, err
	}
	return s.raw(ctx, "", &milvuspb.SearchRequest{
		CollectionName: r.On, PartitionNames: r.In, Dsl: r.Filter, DslType: commonpb.DslType_BoolExprV1, OutputFields: r.Out,
		SearchParams: entity.MapKvPairs(all), PlaceholderGroup: group, Nq: int64(len(vectors) + r.Offset), GuaranteeTimestamp: strongTimestamp,
	})
}

// placeholders encodes query vectors.
func placeholders(vectors []entity.Vector) ([]byte, error) {
	value := &commonpb.PlaceholderValue{Tag: "$0", Type: commonpb.PlaceholderType_FloatVector}
	for _, v := range vectors {
		switch v.(type) {
		case entity.BinaryVector:
			value.Type = commonpb.PlaceholderType_BinaryVector
		case entity.Float16Vector:
			value.Type = commonpb.PlaceholderType_Float16Vector
		case entity.BFloat16Vector:
			value.Type = commonpb.PlaceholderType_BFloat16Vector
		}
		value.Values = append(value.Values, v.Serialize())
	}
	return proto.Marshal(protoadapt.MessageV2Of(&commonpb.PlaceholderGroup{Placeholders: []*commonpb.PlaceholderValue{value}}))
}

func insertBare(ctx context.Context, s *session, r Request) (Outcome, error) {
	rows := parseRows(r.Text)
	return s.raw(ctx, "", &milvuspb.InsertRequest{
		CollectionName: r.On, PartitionName: first(r.In), FieldsData: columnsOf(s.schemas[r.On], rows), NumRows: uint32(len(rows)),
	})
}

func upsertBare(ctx context.Context, s *session, r Request) (Outcome, error) {
	rows := parseRows(r.Text)
	return s.raw(ctx, "", &milvuspb.UpsertRequest{
		CollectionName: r.On, PartitionName: first(r.In), FieldsData: columnsOf(s.schemas[r.On], rows), NumRows: uint32(len(rows)),
	})
}
