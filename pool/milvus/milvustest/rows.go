// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// matching returns the rows that match a filter, all rows for nil.
func (c *collection) matching(filter predicate) []int32 {
	var rows []int32
	for row := range c.rows() {
		if filter == nil || filter(row) {
			rows = append(rows, int32(row))
		}
	}
	return rows
}

// write adds n rows to the partition of this name; if it is empty, to the default
// partition, or each row to the partition of its partition key. It returns their
// primary keys in the order of the request. replace removes the rows that had these
// keys.
func (c *collection) write(s *store, name string, given []*schemapb.FieldData, n int, replace bool) (*schemapb.IDs, error) {
	batch, err := c.batch(s, given, n)
	if err != nil {
		return nil, err
	}
	p, err := c.target(name)
	if err != nil {
		return nil, err
	}
	first := int32(c.rows())
	for i, col := range c.columns {
		col.append(batch[i])
	}
	rows := make([]int32, n)
	var old []int32
	for i := range rows {
		row := first + int32(i)
		rows[i] = row
		to := p
		if to == nil {
			to = c.partitionByKey(int(row))
		}
		if replace {
			old = append(old, c.replacedBy(row, first, to)...)
		}
		c.addRow(to, row)
	}
	ids := c.ids(rows) // Before the old rows are removed, which moves rows.
	slices.Sort(old)
	c.remove(slices.Compact(old))
	return ids, nil
}

// replacedBy returns the rows before first that an upsert of a row into a partition
// removes. Milvus 2.3 looks for them in that partition alone, unless the partition
// comes from a partition key.
func (c *collection) replacedBy(row, first int32, to *partition) []int32 {
	c.buf = c.keys.rows(c.buf[:0], c.keyAt(int(row)))
	return slices.DeleteFunc(c.buf, func(other int32) bool {
		return other >= first || c.as.before(since24) && c.partitionKey < 0 && c.partitionOf[other] != to
	})
}

// batch checks the field data of a request, brings it into the order of the
// columns, and adds the fields that the server makes itself.
func (c *collection) batch(s *store, given []*schemapb.FieldData, n int) ([]*schemapb.FieldData, error) {
	if n == 0 {
		return nil, invalidf("num_rows should be greater than 0: invalid parameter[expected=invalid num_rows][actual=0]")
	}
	if err := c.checkHasKeys(given); err != nil {
		return nil, err
	}
	batch := make([]*schemapb.FieldData, len(c.columns))
	for _, fd := range given {
		i, err := c.columnOf(fd, len(given))
		if err != nil {
			return nil, err
		}
		f := c.columns[i].schema()
		switch {
		case batch[i] != nil:
			return nil, invalidf("duplicated field %s found: invalid parameter", f.GetName())
		case f.GetAutoID():
			return nil, invalidf("the value of field %s is made by the server: autoID is on: invalid parameter", f.GetName())
		case fd.GetField() == nil:
			return nil, c.noData(f, true)
		case !sameType(fd.GetType(), f.GetDataType()) && !c.as.before(since24): // 2.3 looks at the data alone.
			return nil, invalidf("field %s has type %s, the data given for it has type %s: invalid parameter", f.GetName(), f.GetDataType(), fd.GetType())
		}
		if err := c.checkJSON(f, fd); err != nil {
			return nil, err
		}
		if err := c.columns[i].check(fd, n); err != nil {
			return nil, c.as.badValues(f, err)
		}
		batch[i] = fd
	}
	for i, col := range c.columns {
		if batch[i] != nil {
			continue
		}
		switch f := col.schema(); {
		case f.GetAutoID():
			batch[i] = c.newIDs(s, n)
		case f.GetIsDynamic():
			empty := slices.Repeat([][]byte{[]byte("{}")}, n)
			batch[i] = col.(*scalars[[]byte]).fieldData(empty)
		default:
			return nil, c.noData(f, false)
		}
	}
	return batch, nil
}

// sameType reports whether data of one type are those of a field. The SDK sends the texts
// of rows as those of a string field.
func sameType(given, kind schemapb.DataType) bool {
	return given == kind || given == schemapb.DataType_String && kind == schemapb.DataType_VarChar
}

// checkHasKeys is a check of Milvus 2.3: if the number of fields is right, it looks for
// the primary key before it looks at any other field.
func (c *collection) checkHasKeys(given []*schemapb.FieldData) error {
	key := c.columns[c.primaryKey].schema()
	if !c.as.before(since24) || key.GetAutoID() || len(given) != len(c.schema.GetFields()) ||
		slices.ContainsFunc(given, func(fd *schemapb.FieldData) bool { return fd.GetFieldName() == key.GetName() }) {
		return nil
	}
	return failf(CodeUnexpected, "can't find data for primary field: %s", key.GetName())
}

// columnOf returns the index of the column for field data, of given in the request.
func (c *collection) columnOf(fd *schemapb.FieldData, given int) (int, error) {
	name := fd.GetFieldName()
	i, ok := c.byName[name]
	if dynamic, has := c.byName[dynamicField]; fd.GetIsDynamic() && has {
		i, ok = dynamic, true
	}
	switch {
	case ok && name == dynamicField && !fd.GetIsDynamic() && c.as.before(since24):
		return 0, invalidf("duplicated field %s found: invalid parameter", name)
	case ok:
		return i, nil
	case c.as.before(since24):
		return 0, invalidf("the number of fields is less than needed: invalid parameter[expected=%d][actual=%d]", len(c.schema.GetFields()), given)
	default:
		return 0, failf(CodeFieldNotFound, "field not found[field=%s]", name)
	}
}

// noData is the error of a field without data. Milvus 2.3 says so in different ways.
func (c *collection) noData(f *schemapb.FieldSchema, listed bool) error {
	if c.as.before(since24) {
		switch f.GetDataType() {
		case schemapb.DataType_Bool, schemapb.DataType_Int32, schemapb.DataType_Int64, schemapb.DataType_Float, schemapb.DataType_Double:
			if listed || !f.GetIsPrimaryKey() {
				return failf(CodeUnexpected, "field %s without data is not supported now", f.GetName())
			}
		}
	}
	return invalidf("field '%s' is illegal, array type mismatch: invalid parameter[expected=need %s array][actual=got nil]", f.GetName(), f.GetDataType())
}

// checkJSON is what Milvus 2.3 demands of JSON: it has to be an object or null.
func (c *collection) checkJSON(f *schemapb.FieldSchema, fd *schemapb.FieldData) error {
	if f.GetDataType() != schemapb.DataType_JSON {
		return nil
	}
	for _, raw := range fd.GetScalars().GetJsonData().GetData() {
		if len(raw) > maxJSONLength {
			return invalidf("the length (%d) of json field (%s) exceeds max length (%d): invalid parameter", len(raw), f.GetName(), maxJSONLength)
		}
		if !c.as.before(since24) {
			continue
		}
		var object map[string]any
		err := json.Unmarshal(raw, &object)
		_, nested := object[dynamicField]
		switch {
		case err != nil && f.GetIsDynamic():
			return failf(CodeUnexpected, "%v", err)
		case err != nil:
			return failf(codeIOFailed, "IO failed: %v", err)
		case nested && f.GetIsDynamic():
			return failf(CodeUnexpected, "cannot set json key to: %s", dynamicField)
		}
	}
	return nil
}

func (c *collection) newIDs(s *store, n int) *schemapb.FieldData {
	switch col := c.columns[c.primaryKey].(type) {
	case *scalars[int64]:
		ids := make([]int64, n)
		for i := range ids {
			ids[i] = s.nextID()
		}
		return col.fieldData(ids)
	case *scalars[string]:
		ids := make([]string, n)
		for i := range ids {
			ids[i] = strconv.FormatInt(s.nextID(), 10)
		}
		return col.fieldData(ids)
	default:
		return nil
	}
}

type writeRequest interface {
	GetDbName() string
	GetCollectionName() string
	GetPartitionName() string
	GetFieldsData() []*schemapb.FieldData
	GetNumRows() uint32
}

// put writes the rows of an insert or an upsert.
func (h *service) put(ctx context.Context, req writeRequest, upsert bool) *milvuspb.MutationResult {
	reply := &milvuspb.MutationResult{}
	n := int(req.GetNumRows())
	reply.Status = h.writing(func() error {
		c, err := h.store.unchecked(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		if upsert && c.columns[c.primaryKey].schema().GetAutoID() {
			return invalidf("upsert can not assign primary field data when auto id enabled: invalid parameter")
		}
		if reply.IDs, err = c.write(h.store, req.GetPartitionName(), req.GetFieldsData(), n, upsert); err != nil {
			return err
		}
		reply.InsertCnt = int64(n)
		if upsert { // Milvus counts the keys that it was given, and not the rows that it replaced.
			reply.UpsertCnt, reply.DeleteCnt = int64(n), int64(n)
		}
		reply.Timestamp = h.store.timestamp()
		return nil
	})
	indexes := make([]uint32, n)
	for i := range indexes {
		indexes[i] = uint32(i)
	}
	if reply.Timestamp != 0 {
		reply.SuccIndex = indexes
	} else {
		reply.ErrIndex = indexes
	}
	return reply
}

func (h *service) Insert(ctx context.Context, req *milvuspb.InsertRequest) (*milvuspb.MutationResult, error) {
	return h.put(ctx, req, false), nil
}

func (h *service) Upsert(ctx context.Context, req *milvuspb.UpsertRequest) (*milvuspb.MutationResult, error) {
	return h.put(ctx, req, true), nil
}

func (h *service) Flush(ctx context.Context, req *milvuspb.FlushRequest) (*milvuspb.FlushResponse, error) {
	reply := &milvuspb.FlushResponse{
		DbName:          h.store.databaseName(ctx, req.GetDbName()),
		CollSegIDs:      make(map[string]*schemapb.LongArray),
		FlushCollSegIDs: make(map[string]*schemapb.LongArray),
		CollSealTimes:   make(map[string]int64),
		CollFlushTs:     make(map[string]uint64),
	}
	reply.Status = h.writing(func() error {
		if len(req.GetCollectionNames()) == 0 && !h.store.as.before(since24) {
			return invalidf("collection names should not be empty: invalid parameter")
		}
		for _, name := range req.GetCollectionNames() {
			c, err := h.store.unchecked(ctx, req.GetDbName(), name)
			if err != nil {
				return err
			}
			c.flush()
			now := h.store.timestamp()
			segment := &schemapb.LongArray{Data: []int64{c.id}}
			reply.CollSegIDs[name], reply.FlushCollSegIDs[name] = segment, segment
			reply.CollSealTimes[name] = int64(physicalMillis(now) / 1000)
			reply.CollFlushTs[name] = now
		}
		return nil
	})
	return reply, nil
}

func (h *service) GetFlushState(ctx context.Context, req *milvuspb.GetFlushStateRequest) (*milvuspb.GetFlushStateResponse, error) {
	reply := &milvuspb.GetFlushStateResponse{}
	reply.Status = h.reading(func() error {
		if name := req.GetCollectionName(); name != "" {
			if _, err := h.store.unchecked(ctx, req.GetDbName(), name); err != nil {
				return err
			}
		}
		reply.Flushed = true
		return nil
	})
	return reply, nil
}
