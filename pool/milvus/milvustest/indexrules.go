// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

const autoIndex = "AUTOINDEX"

var (
	floatMetrics  = []string{metricL2, metricIP, metricCosine}
	bitMetrics    = []string{metricHamming, metricJaccard}
	allMetrics    = slices.Concat(floatMetrics, bitMetrics)
	binaryMetrics = slices.Concat(bitMetrics, []string{metricSubstructure, metricSuperstructure})
	sparseMetrics = []string{metricIP}
)

// indexRule is what Milvus demands of an index type of vectors.
type indexRule struct {
	metrics []string
	of      func(schemapb.DataType) bool // nil for every type of vectors
	ranges  []paramRange
	since   release
}

// paramRange is the range of a parameter that an index type needs.
type paramRange struct {
	name      string
	low, high int64
}

var (
	nlist          = paramRange{"nlist", 1, 65536}
	efConstruction = paramRange{"efConstruction", 1, math.MaxInt32}
	maxNeighbors   = paramRange{"M", 1, 2048}
)

var indexRules = map[string]indexRule{
	"FLAT":         {metrics: floatMetrics, of: isDense},
	"IVF_FLAT":     {metrics: floatMetrics, of: isDense, ranges: []paramRange{nlist}},
	"IVF_SQ8":      {metrics: floatMetrics, of: isDense, ranges: []paramRange{nlist}},
	"IVF_PQ":       {metrics: floatMetrics, of: isDense, ranges: []paramRange{nlist}},
	"SCANN":        {metrics: floatMetrics, of: isDense, ranges: []paramRange{nlist}},
	"HNSW":         {metrics: allMetrics, ranges: []paramRange{efConstruction, maxNeighbors}},
	"DISKANN":      {metrics: floatMetrics, of: isDense},
	"GPU_IVF_FLAT": {metrics: floatMetrics, of: isDense, ranges: []paramRange{nlist}},
	"GPU_IVF_PQ":   {metrics: floatMetrics, of: isDense, ranges: []paramRange{nlist}},
	"BIN_FLAT":     {metrics: binaryMetrics, of: isBinary},
	"BIN_IVF_FLAT": {metrics: bitMetrics, of: isBinary, ranges: []paramRange{nlist}},

	"GPU_CAGRA":             {metrics: floatMetrics, of: isDense, since: since24},
	"GPU_BRUTE_FORCE":       {metrics: floatMetrics, of: isDense, since: since24},
	"SPARSE_INVERTED_INDEX": {metrics: sparseMetrics, of: isSparse, since: since24},
	"SPARSE_WAND":           {metrics: sparseMetrics, of: isSparse, since: since24},
}

func isDense(kind schemapb.DataType) bool {
	return isVectorType(kind) && !isBinary(kind) && !isSparse(kind)
}

func isBinary(kind schemapb.DataType) bool { return kind == schemapb.DataType_BinaryVector }

func isSparse(kind schemapb.DataType) bool { return kind == schemapb.DataType_SparseFloatVector }

// checkVectorIndex checks the parameters of an index of a vector field, and adds those
// that are left out and that Milvus adds.
func checkVectorIndex(as release, f *schemapb.FieldSchema, params map[string]string) error {
	kind, given := params["index_type"]
	if !as.indexes(f.GetDataType()) {
		return invalidf("create index on %s field is not supported: invalid parameter", f.GetDataType())
	}
	if !given || kind == autoIndex {
		return checkAutoIndex(as, f, params)
	}
	rule, ok := indexRules[kind]
	if !ok || as.before(rule.since) {
		return as.badStatement("invalid index type: %s", kind)
	}
	all, err := nestedParams(params)
	if err != nil {
		return as.badStatement("unmarshal params failed, %v", err)
	}
	if rule.of != nil && !rule.of(f.GetDataType()) {
		return as.badStatement("data type %s is not supported by index type %s", f.GetDataType(), kind)
	}
	if metrics := metricsFor(as, f.GetDataType(), rule.metrics); !slices.Contains(metrics, all["metric_type"]) {
		return as.badMetric(f.GetDataType(), all["metric_type"], metrics)
	}
	if ratio, ok := all["drop_ratio_build"]; ok && isSparse(f.GetDataType()) {
		if x, err := strconv.ParseFloat(ratio, 64); err != nil || x < 0 || x >= 1 {
			return as.badStatement("invalid drop_ratio_build: %s, must be in range [0, 1)", ratio)
		}
	}
	for _, r := range rule.ranges {
		if n, err := strconv.ParseInt(all[r.name], 10, 64); err != nil || n < r.low || n > r.high {
			return as.badStatement("%s out of range: [%d, %d]", r.name, r.low, r.high)
		}
	}
	dim := pairsMap(f.GetTypeParams())["dim"]
	if given, ok := all["dim"]; ok && given != dim {
		return as.badStatement("dimension mismatch, dimension in schema: %s, dimension: %s", dim, given)
	}
	if kind == "IVF_PQ" {
		return checkSubvectors(as, f, all)
	}
	return nil
}

// indexes reports whether fields of a type of vectors may have an index. Milvus 2.3
// knows the newer types by name alone.
func (r release) indexes(kind schemapb.DataType) bool {
	return !r.before(since24) || kind != schemapb.DataType_BFloat16Vector && kind != schemapb.DataType_SparseFloatVector
}

// checkAutoIndex checks an index whose type Milvus chooses.
func checkAutoIndex(as release, f *schemapb.FieldSchema, params map[string]string) error {
	if !as.before(since24) { // Since 2.4 the parameters in the object are parameters as the others.
		all, err := nestedParams(params)
		if err != nil {
			return as.badStatement("unmarshal params failed, %v", err)
		}
		maps.Copy(params, all)
		delete(params, "params")
	}
	metrics := metricsFor(as, f.GetDataType(), allMetrics)
	metric, ok := params["metric_type"]
	if !ok {
		metric = defaultMetric(as, f.GetDataType())
	}
	for name := range params {
		if name != "index_type" && name != "metric_type" {
			return as.badStatement("only metric type can be passed when use AutoIndex")
		}
	}
	if !slices.Contains(metrics, metric) {
		return as.badMetric(f.GetDataType(), metric, metrics)
	}
	params["index_type"], params["metric_type"] = autoIndex, metric
	return nil
}

// badMetric is the error of an index with a metric that its type of vectors does not have.
func (r release) badMetric(kind schemapb.DataType, metric string, metrics []string) error {
	switch {
	case r.before(since24):
		return r.badStatement("metric type not found or not supported, supported: %v", metrics)
	case metric == "":
		return r.badStatement("metric type not set for vector index: invalid parameter")
	case isSparse(kind):
		return r.badStatement("only IP is the supported metric type for sparse index: invalid parameter[actual=%s]", metric)
	case isBinary(kind):
		return r.badStatement("binary vector index does not support metric type: %s: invalid parameter", metric)
	default:
		return r.badStatement("float vector index does not support metric type: %s: invalid parameter", metric)
	}
}

// metricsFor returns those of the metrics that a type of vectors has. Milvus 2.3 does not
// look at the type.
func metricsFor(as release, kind schemapb.DataType, metrics []string) []string {
	if as.before(since24) {
		return metrics
	}
	has := floatMetrics
	switch {
	case isBinary(kind):
		has = binaryMetrics
	case isSparse(kind):
		return sparseMetrics
	}
	return slices.DeleteFunc(slices.Clone(metrics), func(m string) bool { return !slices.Contains(has, m) })
}

func defaultMetric(as release, kind schemapb.DataType) string {
	switch {
	case as.before(since24), isSparse(kind):
		return metricIP
	case isBinary(kind):
		return metricHamming
	default:
		return metricCosine
	}
}

// nestedParams adds the parameters in the JSON object of the parameter "params".
func nestedParams(params map[string]string) (map[string]string, error) {
	text, ok := params["params"]
	if !ok {
		return params, nil
	}
	var nested map[string]any
	if err := json.Unmarshal([]byte(text), &nested); err != nil {
		return nil, err
	}
	all := maps.Clone(params)
	for name, v := range nested {
		all[name] = fmt.Sprint(v)
	}
	return all, nil
}

// checkSubvectors checks how an index divides vectors.
func checkSubvectors(as release, f *schemapb.FieldSchema, params map[string]string) error {
	text, ok := params["m"]
	if !ok {
		return as.badStatement("parameter `m` not found")
	}
	m, err := strconv.Atoi(text)
	if err != nil || m < 1 {
		return as.badStatement("invalid `m`: %s", text)
	}
	if dim, _ := intParam(f, "dim"); dim%m != 0 {
		return as.badStatement("dimension must be able to be divided by `m`, dimension: %d, m: %d", dim, m)
	}
	return nil
}

// checkScalarIndex checks the type of an index of a field that is no vector.
func checkScalarIndex(as release, f *schemapb.FieldSchema, params map[string]string) error {
	types := scalarIndexTypes(as, f.GetDataType())
	if len(types) == 0 {
		return invalidf("create index on %s field is not supported: invalid parameter[expected=supported field][actual=create index on %s field]",
			f.GetDataType(), f.GetDataType())
	}
	if kind, ok := params["index_type"]; ok && !slices.Contains(types, kind) {
		text := scalarIndexesOnly[kind]
		if _, ok := indexRules[kind]; ok && text == "" {
			text = notDense
		}
		if text != "" && !as.before(since24) {
			return invalidf("%s: invalid parameter[actual=%s]", text, f.GetDataType())
		}
		return invalidf("index type not match: invalid parameter[expected=%s][actual=%s]", types[0], kind)
	}
	return nil
}

// scalarIndexesOnly says what index types of scalar fields are for.
var scalarIndexesOnly = map[string]string{
	"STL_SORT": "STL_SORT are only supported on numeric field", "Trie": "TRIE are only supported on varchar field",
	"HNSW": "can't build hnsw in not vector type",
}

const notDense = "data type should be FloatVector, Float16Vector or BFloat16Vector"

// scalarIndexTypes returns the index types of a type of fields, nil if there is none.
func scalarIndexTypes(as release, kind schemapb.DataType) []string {
	var types []string
	switch kind {
	case schemapb.DataType_Int8, schemapb.DataType_Int16, schemapb.DataType_Int32, schemapb.DataType_Int64,
		schemapb.DataType_Float, schemapb.DataType_Double:
		types = []string{"STL_SORT", "Asceneding"}
	case schemapb.DataType_VarChar:
		types = []string{"Trie", "marisa-trie"}
	case schemapb.DataType_Bool, schemapb.DataType_Array:
		if as.before(since24) {
			return nil
		}
	default:
		return nil
	}
	if !as.before(since24) {
		types = append(types, "INVERTED", autoIndex, "", "BITMAP")
	}
	return types
}
