// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// types are the names of data types in the text of a schema. "type99" is the type 99.
var types = map[string]schemapb.DataType{
	"bool": schemapb.DataType_Bool, "int8": schemapb.DataType_Int8, "int16": schemapb.DataType_Int16,
	"int32": schemapb.DataType_Int32, "int64": schemapb.DataType_Int64, "float": schemapb.DataType_Float,
	"double": schemapb.DataType_Double, "string": schemapb.DataType_String, "varchar": schemapb.DataType_VarChar,
	"array": schemapb.DataType_Array, "json": schemapb.DataType_JSON, "binary": schemapb.DataType_BinaryVector,
	"vector": schemapb.DataType_FloatVector, "float16": schemapb.DataType_Float16Vector,
	"bfloat16": schemapb.DataType_BFloat16Vector, "sparse": schemapb.DataType_SparseFloatVector,
}

// numbers are the parameters that a bare number stands for, by the type of the field.
var numbers = map[string][]string{
	"varchar": {"max_length"}, "array": {"max_capacity", "max_length"}, "binary": {"dim"}, "vector": {"dim"}, "float16": {"dim"}, "bfloat16": {"dim"},
}

// parseSchema reads a schema such as
//
//	id int64 pk auto; s varchar 64 pkey; a array int64 8; v vector 4 dim=4; dynamic
//
// The name ” is the empty name.
func parseSchema(name, text string) *schemapb.CollectionSchema {
	schema := &schemapb.CollectionSchema{Name: name}
	for part := range strings.SplitSeq(text, ";") {
		words := strings.Fields(part)
		switch {
		case len(words) == 0:
		case len(words) == 1 && words[0] == "dynamic":
			schema.EnableDynamicField = true
		case words[0] == "description":
			schema.Description = strings.Join(words[1:], " ")
		default:
			schema.Fields = append(schema.Fields, parseField(words))
		}
	}
	return schema
}

func parseField(words []string) *schemapb.FieldSchema {
	f := &schemapb.FieldSchema{Name: strings.Trim(words[0], "'")}
	if len(words) == 1 {
		return f
	}
	var names []string // of the numbers to come
	f.DataType, names = parseType(words[1]), numbers[words[1]]
	for i, word := range words[2:] {
		key, value, pair := strings.Cut(word, "=")
		switch {
		case word == "pk":
			f.IsPrimaryKey = true
		case word == "auto":
			f.AutoID = true
		case word == "pkey":
			f.IsPartitionKey = true
		case i == 0 && words[1] == "array" && !pair:
			f.ElementType = parseType(word)
		case !pair && len(names) > 0:
			key, value, names = names[0], word, names[1:]
			fallthrough
		default:
			f.TypeParams = append(f.TypeParams, &commonpb.KeyValuePair{Key: key, Value: value})
		}
	}
	return f
}

func parseType(name string) schemapb.DataType {
	if t, ok := types[name]; ok {
		return t
	}
	n, err := strconv.Atoi(strings.TrimPrefix(name, "type"))
	if err != nil {
		panic("differential: no type " + name)
	}
	return schemapb.DataType(n)
}

// typeParam returns a parameter of a field's type, as a number.
func typeParam(f *schemapb.FieldSchema, key string) int {
	for _, pair := range f.GetTypeParams() {
		if pair.GetKey() == key {
			n, _ := strconv.Atoi(pair.GetValue()) // zero if it is no number, as some are on purpose
			return n
		}
	}
	return 0
}

// pairs reads "key=value key=value".
func pairs(text string) []*commonpb.KeyValuePair {
	var all []*commonpb.KeyValuePair
	for word := range strings.FieldsSeq(text) {
		key, value, _ := strings.Cut(word, "=")
		all = append(all, &commonpb.KeyValuePair{Key: key, Value: value})
	}
	return all
}
