// SPDX-License-Identifier: Apache-2.0

package milvustest

import "github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

// opaque is the column of a field whose type the release does not know. Milvus 2.3 makes
// a collection with such a field. No row can be inserted.
type opaque struct{ field *schemapb.FieldSchema }

func (o opaque) schema() *schemapb.FieldSchema { return o.field }

func (o opaque) check(*schemapb.FieldData, int) error {
	return invalidf("field %s has type %s, which this test server does not have: invalid parameter", o.field.GetName(), o.field.GetDataType())
}

func (o opaque) append(*schemapb.FieldData) {}

func (o opaque) remove(int) {}

func (o opaque) pick([]int32) *schemapb.FieldData {
	return &schemapb.FieldData{Type: o.field.GetDataType(), FieldName: o.field.GetName(), FieldId: o.field.GetFieldID()}
}

func (o opaque) value(int) value { return value{} }
