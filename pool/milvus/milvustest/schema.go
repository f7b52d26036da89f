// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
)

const (
	firstFieldID     = 100
	maxDim           = 32768
	maxVarCharLength = 65535
	dynamicField     = "$meta"
)

var namePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,254}$`)

func validName(name string) bool { return namePattern.MatchString(name) }

// parseSchema reads the schema of a request to create a collection, checks it,
// and numbers its fields.
func parseSchema(name string, raw []byte) (*schemapb.CollectionSchema, error) {
	if !validName(name) {
		return nil, invalidf("Invalid collection name: %s. the first character of a collection name must be an underscore "+
			"or letter, the others letters, digits and underscores, 255 in all: invalid parameter", name)
	}
	schema := &schemapb.CollectionSchema{}
	if err := proto.Unmarshal(raw, protoadapt.MessageV2Of(schema)); err != nil {
		return nil, invalidf("cannot read the schema: %v", err)
	}
	if schema.GetName() != name {
		return nil, invalidf("collection name matches schema name: invalid parameter[expected=%s][actual=%s]", name, schema.GetName())
	}
	var primaryKeys, vectors int
	seen := make(map[string]bool)
	for i, f := range schema.GetFields() {
		if seen[f.GetName()] {
			return nil, invalidf("duplicated field name %s found", f.GetName())
		}
		seen[f.GetName()] = true
		if err := checkField(f); err != nil {
			return nil, err
		}
		if f.GetIsPrimaryKey() {
			primaryKeys++
		}
		if f.GetDataType() == schemapb.DataType_FloatVector {
			vectors++
		}
		f.FieldID = int64(firstFieldID + i)
		// Clients send them in any order; sorted, two schemas can be compared.
		sortPairs(f.TypeParams)
		sortPairs(f.IndexParams)
	}
	if primaryKeys != 1 {
		return nil, invalidf("there must be one primary key in the schema, there are %d", primaryKeys)
	}
	if vectors == 0 {
		return nil, invalidf("schema does not contain vector field: invalid parameter")
	}
	return schema, nil
}

func checkField(f *schemapb.FieldSchema) error {
	name := f.GetName()
	if !validName(name) {
		return failf(CodeFieldInvalidName, "field name invalid[field=%s]", name)
	}
	if f.GetIsDynamic() {
		return invalidf("cannot explicitly set a field as a dynamic field: %s", name)
	}
	kind := f.GetDataType()
	if f.GetIsPrimaryKey() && kind != schemapb.DataType_Int64 && kind != schemapb.DataType_VarChar {
		return invalidf("the data type of the primary key should be Int64 or VarChar, that of %s is %s", name, kind)
	}
	if f.GetAutoID() && !f.GetIsPrimaryKey() {
		return invalidf("only primary field can speficy AutoID with true, field name = %s", name)
	}
	switch kind {
	case schemapb.DataType_FloatVector:
		if dim, err := intParam(f, "dim"); err != nil || dim < 1 || dim > maxDim {
			return invalidf("invalid dimension of field %s: it should be in range 1 ~ %d", name, maxDim)
		}
	case schemapb.DataType_VarChar:
		if n, err := intParam(f, "max_length"); err != nil || n < 1 || n > maxVarCharLength {
			return invalidf("the maximum length specified for the field(%s) should be in (0, %d]", name, maxVarCharLength)
		}
	}
	if newColumn(f) == nil {
		return invalidf("field %s has type %s, which this test server does not have", name, kind)
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
	return proto.Equal(protoadapt.MessageV2Of(a), protoadapt.MessageV2Of(b))
}

// renamed returns a copy of schema under another name. The schema itself may be
// on its way to a client.
func renamed(schema *schemapb.CollectionSchema, name string) *schemapb.CollectionSchema {
	clone := &schemapb.CollectionSchema{}
	proto.Merge(protoadapt.MessageV2Of(clone), protoadapt.MessageV2Of(schema))
	clone.Name = name
	return clone
}
