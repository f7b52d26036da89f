// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// fieldRef is a field in a filter, or a value in a field of type JSON or Array.
type fieldRef struct {
	column      column
	dataType    schemapb.DataType
	elementType schemapb.DataType // of an array
	path        []string          // of keys and indexes in the field
	index       int               // of an array, if there is a path
}

// field resolves a name or a path of a filter. A name that is not in the schema is
// a key of the dynamic field.
func (k *checker) field(name token) (*checked, error) {
	f, err := k.resolve(k.text(name))
	if err != nil {
		return nil, err
	}
	return &checked{dataType: f.dataType, field: f}, nil
}

func (k *checker) resolve(text string) (*fieldRef, error) {
	name, _, _ := strings.Cut(text, "[")
	f := &fieldRef{column: k.c.column(name)}
	if f.column == nil {
		if !k.c.schema.GetEnableDynamicField() {
			return nil, fmt.Errorf("field %s not exist", name)
		}
		f.column = k.c.column(dynamicField)
		f.path = append(f.path, name)
	}
	schema := f.column.schema()
	f.dataType, f.elementType = schema.GetDataType(), schema.GetElementType()
	if name == text {
		if f.dataType == schemapb.DataType_JSON && len(f.path) == 0 && k.as.before(since24) {
			return nil, errors.New("can not comparisons jsonField directly")
		}
		return f, nil
	}
	if f.dataType != schemapb.DataType_JSON && f.dataType != schemapb.DataType_Array {
		return nil, fmt.Errorf("%s data type not supported accessed with []", f.dataType)
	}
	for _, key := range strings.Split(text[len(name):], "][") {
		key = strings.Trim(key, "[]")
		switch {
		case key == "":
			return nil, fmt.Errorf("invalid identifier: %s", text)
		case len(key) >= 2 && (key[0] == '"' || key[0] == '\'') && key[len(key)-1] == key[0]:
			if key = key[1 : len(key)-1]; key == "" {
				return nil, fmt.Errorf("invalid identifier: %s", text)
			}
			if f.dataType == schemapb.DataType_Array {
				return nil, errors.New("can only access array field with integer index")
			}
		default:
			if _, err := strconv.ParseInt(key, 10, 64); err != nil {
				return nil, fmt.Errorf("json key must be enclosed in double quotes or single quotes: \"%s\"", key)
			}
		}
		f.path = append(f.path, key)
	}
	if f.dataType == schemapb.DataType_Array {
		f.index, _ = strconv.Atoi(cmp.Or(f.path[0], "0"))
	}
	return f, nil
}

// scalarType returns the type of the values of f: of an array with an index, the
// type of its elements.
func (f *fieldRef) scalarType() schemapb.DataType {
	if f.dataType == schemapb.DataType_Array && len(f.path) > 0 {
		return f.elementType
	}
	return f.dataType
}

// reader returns the function that reads the value of a row. The kind of the value
// is noKind if there is none.
func (f *fieldRef) reader() func(row int) value {
	switch {
	case f.dataType == schemapb.DataType_JSON:
		return func(row int) value { return lookUp(f.column.value(row).raw, f.path) }
	case f.dataType == schemapb.DataType_Array && len(f.path) > 0:
		return func(row int) value {
			list := f.column.value(row).list
			if f.index >= len(list) {
				return value{}
			}
			return list[f.index]
		}
	default:
		return f.column.value
	}
}
