// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
)

const (
	firstFieldID     = 100
	maxDim           = 32768
	maxBits          = 8 * maxDim // of a binary vector
	maxVarCharLength = 65535
	maxJSONLength    = 65536
	maxFields        = 64
	maxShards        = 16
	dynamicField     = "$meta"
)

var (
	namePattern          = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,254}$`)
	partitionNamePattern = regexp.MustCompile(`^[A-Za-z0-9_]{1,255}$`)
)

// validName reports whether something may have this name. Milvus does not mind spaces
// around a name, and keeps them.
func validName(name string) bool { return namePattern.MatchString(strings.TrimSpace(name)) }

func validPartitionName(name string) bool {
	return partitionNamePattern.MatchString(strings.TrimSpace(name))
}

func checkCollectionName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return invalidf("collection name should not be empty: invalid parameter")
	case len(name) > 255:
		return invalidf("Invalid collection name: %s. the length of a collection name must be less than 255 characters: invalid parameter", name)
	case !validName(name):
		return invalidf("Invalid collection name: %s. the first character of a collection name must be an underscore "+
			"or letter, the others letters, digits and underscores, 255 in all: invalid parameter", name)
	default:
		return nil
	}
}

// systemFields are the names of the fields that Milvus adds by itself.
var systemFields = []string{"RowID", "Timestamp", dynamicField}

// maxVectorFields is the number of vector fields that a collection may have.
func (r release) maxVectorFields() int {
	if r.before(since24) {
		return 1
	}
	return 4
}

// parseSchema reads the schema of a request to create a collection, checks it,
// and numbers its fields.
func parseSchema(as release, name string, raw []byte) (*schemapb.CollectionSchema, error) {
	schema := &schemapb.CollectionSchema{}
	if err := proto.Unmarshal(raw, protoadapt.MessageV2Of(schema)); err != nil {
		return nil, as.badStatement("cannot read the schema: %v", err)
	}
	switch n := len(schema.GetFields()); {
	case n > maxFields:
		return nil, as.badStatement("maximum field's number should be limited to %d", maxFields)
	case schema.GetName() != name:
		return nil, invalidf("collection name matches schema name: invalid parameter[expected=%s][actual=%s]", name, schema.GetName())
	}
	if err := checkCollectionName(name); err != nil {
		return nil, err
	}
	var primaryKeys, vectors int
	seen := make(map[string]bool)
	for i, f := range schema.GetFields() {
		if seen[f.GetName()] {
			return nil, as.badStatement("duplicated field name %s found", f.GetName())
		}
		seen[f.GetName()] = true
		if err := checkField(as, f); err != nil {
			return nil, err
		}
		if f.GetIsPrimaryKey() {
			primaryKeys++
		}
		if isVectorType(f.GetDataType()) {
			vectors++
		}
		f.FieldID = int64(firstFieldID + i)
		// Clients send them in any order; sorted, two schemas can be compared.
		sortPairs(f.TypeParams)
		sortPairs(f.IndexParams)
	}
	switch most := as.maxVectorFields(); {
	case primaryKeys == 0:
		return nil, as.badStatement("primary key is not specified")
	case primaryKeys > 1:
		return nil, as.badStatement("there must be one primary key in the schema, there are %d", primaryKeys)
	case vectors == 0 && !as.before(since24):
		return nil, invalidf("schema does not contain vector field: invalid parameter")
	case vectors > most:
		return nil, as.badStatement("maximum vector field's number should be limited to %d, there are %d", most, vectors)
	}
	return schema, nil
}

func checkField(as release, f *schemapb.FieldSchema) error {
	name, kind := f.GetName(), f.GetDataType()
	switch {
	case !validName(name):
		return failf(CodeFieldInvalidName, "Invalid field name: %s. The first character of a field name must be an underscore or letter, "+
			"the others letters, digits and underscores: field name invalid[field=%s]", name, name)
	case slices.Contains(systemFields, name):
		return invalidf("schema contains system field: RowID, Timestamp, $meta: invalid parameter")
	case f.GetIsDynamic():
		return as.badStatement("cannot explicitly set a field as a dynamic field: %s", name)
	case f.GetIsPrimaryKey() && kind != schemapb.DataType_Int64 && kind != schemapb.DataType_VarChar:
		return as.badStatement("the data type of the primary key should be Int64 or VarChar, that of %s is %s", name, kind)
	case f.GetAutoID() && !f.GetIsPrimaryKey():
		return as.badStatement("only primary field can speficy AutoID with true, field name = %s", name)
	}
	switch kind {
	case schemapb.DataType_String:
		return as.badStatement("string data type not supported yet, please use VarChar type instead")
	case schemapb.DataType_VarChar:
		if err := checkMaxLength(as, f); err != nil {
			return err
		}
	case schemapb.DataType_Array:
		if err := checkArray(as, f); err != nil {
			return err
		}
	default:
		if err := checkDim(as, f); err != nil {
			return err
		}
	}
	if newColumn(f) == nil && (kind == schemapb.DataType_None || !as.before(since24)) {
		return as.badStatement("field %s has type %s, which this test server does not have", name, kind)
	}
	return nil
}

func checkMaxLength(as release, f *schemapb.FieldSchema) error {
	n, err := intParam(f, "max_length")
	if err != nil {
		return as.badStatement("type param(max_length) should be specified for varChar field %s: %v", f.GetName(), err)
	}
	if n < 1 || n > maxVarCharLength {
		return invalidf("the maximum length specified for the field(%s) should be in (0, %d]: invalid parameter", f.GetName(), maxVarCharLength)
	}
	return nil
}

// checkDim checks the dimension of a vector field. A sparse vector has none.
func checkDim(as release, f *schemapb.FieldSchema) error {
	kind := f.GetDataType()
	text, given := pairsMap(f.GetTypeParams())["dim"]
	most, step := maxDim, 1
	switch {
	case !isVectorType(kind):
		return nil
	case kind == schemapb.DataType_SparseFloatVector:
		if given && !as.before(since24) {
			return as.badStatement("dim should not be specified for sparse vector field %s(%d)", f.GetName(), f.GetFieldID())
		}
		return nil
	case !given:
		return as.badStatement("dimension is not defined in field type params of field %s, check type param `dim` for vector field", f.GetName())
	case kind == schemapb.DataType_BinaryVector:
		step = 8
		if !as.before(since24) {
			most = maxBits
		}
	}
	dim, err := strconv.Atoi(text)
	if err != nil || dim < 1 || dim > most {
		return as.badStatement("invalid dimension: %s of field %s. should be in range 1 ~ %d", text, f.GetName(), most)
	}
	if dim%step != 0 {
		return as.badStatement("invalid dimension: %d of field %s. should be multiple of 8. ", dim, f.GetName())
	}
	return nil
}

// intParam returns a type parameter of a field, such as dim.
func intParam(f *schemapb.FieldSchema, key string) (int, error) {
	return strconv.Atoi(pairsMap(f.GetTypeParams())[key])
}

func sortPairs(pairs []*commonpb.KeyValuePair) {
	slices.SortFunc(pairs, func(a, b *commonpb.KeyValuePair) int { return cmp.Compare(a.GetKey(), b.GetKey()) })
}

func pairsMap(pairs []*commonpb.KeyValuePair) map[string]string {
	m := make(map[string]string, len(pairs))
	for _, p := range pairs {
		m[p.GetKey()] = p.GetValue()
	}
	return m
}

func equalSchemas(a, b *schemapb.CollectionSchema) bool {
	same := func(s *schemapb.CollectionSchema) proto.Message {
		s = renamed(s, "")
		s.AutoID = false // Milvus reads the setting of the field alone.
		return protoadapt.MessageV2Of(s)
	}
	return proto.Equal(same(a), same(b))
}

// renamed returns a copy of schema under another name. The schema itself may be
// on its way to a client.
func renamed(schema *schemapb.CollectionSchema, name string) *schemapb.CollectionSchema {
	clone := &schemapb.CollectionSchema{}
	proto.Merge(protoadapt.MessageV2Of(clone), protoadapt.MessageV2Of(schema))
	clone.Name = name
	return clone
}
