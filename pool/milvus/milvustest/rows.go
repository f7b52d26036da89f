// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// key is a primary key: a number or a string, as the schema says.
type key struct {
	number int64
	text   string
}

func (a key) compare(b key) int {
	return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.text, b.text))
}

func (c *collection) keyAt(row int) key {
	switch col := c.columns[c.primaryKey].(type) {
	case *scalars[int64]:
		return key{number: col.data[row]}
	case *scalars[string]:
		return key{text: col.data[row]}
	default:
		panic("primary key is neither a number nor a string") // The schema was checked.
	}
}

// ids returns the primary keys of rows, in that order.
func (c *collection) ids(rows []int32) *schemapb.IDs {
	switch picked := c.columns[c.primaryKey].pick(rows).GetScalars().GetData().(type) {
	case *schemapb.ScalarField_LongData:
		return &schemapb.IDs{IdField: &schemapb.IDs_IntId{IntId: picked.LongData}}
	case *schemapb.ScalarField_StringData:
		return &schemapb.IDs{IdField: &schemapb.IDs_StrId{StrId: picked.StringData}}
	default:
		return nil
	}
}

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

// write adds n rows. It returns their primary keys in the order of the request,
// and how many rows they replaced.
func (c *collection) write(s *store, p *partition, given []*schemapb.FieldData, n int) (ids *schemapb.IDs, replaced int, err error) {
	batch, err := c.batch(s, given, n)
	if err != nil {
		return nil, 0, err
	}
	first := c.rows()
	for i, col := range c.columns {
		col.append(batch[i])
	}
	var rows, old []int32
	for row := first; row < first+n; row++ {
		c.partitionOf = append(c.partitionOf, p)
		k := c.keyAt(row)
		if before, ok := c.rowOf[k]; ok {
			old = append(old, int32(before))
			if before < first {
				replaced++
			}
		}
		c.rowOf[k] = row
		rows = append(rows, int32(row))
	}
	ids = c.ids(rows) // Before the old rows are removed, which moves rows.
	slices.Sort(old)
	c.remove(old)
	return ids, replaced, nil
}

// batch checks the field data of a request, brings it into the order of the
// columns, and adds the fields that the server makes itself.
func (c *collection) batch(s *store, given []*schemapb.FieldData, n int) ([]*schemapb.FieldData, error) {
	if n == 0 {
		return nil, invalidf("invalid num_rows: 0, it should be greater than 0: invalid parameter")
	}
	batch := make([]*schemapb.FieldData, len(c.columns))
	for _, fd := range given {
		name := fd.GetFieldName()
		if fd.GetIsDynamic() {
			name = dynamicField
		}
		i, ok := c.byName[name]
		if !ok {
			return nil, failf(CodeFieldNotFound, "field not found[field=%s]", name)
		}
		if batch[i] != nil {
			return nil, invalidf("duplicated field %s in the data: invalid parameter", name)
		}
		f := c.columns[i].schema()
		if f.GetAutoID() {
			return nil, invalidf("the value of field %s is made by the server: autoID is on: invalid parameter", name)
		}
		if fd.GetType() != f.GetDataType() {
			return nil, invalidf("field %s has type %s, the data given for it has type %s: invalid parameter", name, f.GetDataType(), fd.GetType())
		}
		if err := c.columns[i].check(fd, n); err != nil {
			return nil, err
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
			return nil, invalidf("fieldSchema(%s) has no corresponding fieldData pass in: invalid parameter[expected=%d][actual=%d]",
				f.GetName(), len(c.schema.GetFields()), len(given))
		}
	}
	return batch, nil
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

// remove removes rows, which must be in ascending order. Rows behind them move.
func (c *collection) remove(rows []int32) {
	for _, r := range slices.Backward(rows) {
		row, last := int(r), c.rows()-1
		if k := c.keyAt(row); c.rowOf[k] == row {
			delete(c.rowOf, k)
		}
		if row != last {
			// No row behind this one is to be removed, so rowOf has the last row
			// for the key of the last row.
			c.rowOf[c.keyAt(last)] = row
		}
		for _, col := range c.columns {
			col.remove(row)
		}
		c.partitionOf[row] = c.partitionOf[last]
		c.partitionOf = slices.Delete(c.partitionOf, last, last+1)
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
	reply.Status = h.writing(func() error {
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		p, err := c.partition(cmp.Or(req.GetPartitionName(), defaultPartition))
		if err != nil {
			return err
		}
		if upsert && c.columns[c.primaryKey].schema().GetAutoID() {
			return invalidf("upsert can not assign primary field data when auto id enabled: invalid parameter")
		}
		n := int(req.GetNumRows())
		ids, replaced, err := c.write(h.store, p, req.GetFieldsData(), n)
		if err != nil {
			return err
		}
		reply.IDs = ids
		reply.SuccIndex = make([]uint32, n)
		for i := range reply.SuccIndex {
			reply.SuccIndex[i] = uint32(i)
		}
		reply.InsertCnt = int64(n)
		if upsert {
			reply.UpsertCnt, reply.DeleteCnt = int64(n), int64(replaced)
		}
		reply.Acknowledged = true
		reply.Timestamp = h.store.timestamp()
		return nil
	})
	return reply
}

func (h *service) Insert(ctx context.Context, req *milvuspb.InsertRequest) (*milvuspb.MutationResult, error) {
	return h.put(ctx, req, false), nil
}

func (h *service) Upsert(ctx context.Context, req *milvuspb.UpsertRequest) (*milvuspb.MutationResult, error) {
	return h.put(ctx, req, true), nil
}

func (h *service) Delete(ctx context.Context, req *milvuspb.DeleteRequest) (*milvuspb.MutationResult, error) {
	reply := &milvuspb.MutationResult{}
	reply.Status = h.writing(func() error {
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		if req.GetExpr() == "" {
			return invalidf("delete expression is empty: invalid parameter")
		}
		plan, err := c.plan(forDelete, req.GetExpr())
		if err != nil {
			return err
		}
		filter, err := plan.compile()
		if err != nil {
			return err
		}
		if req.GetPartitionName() != "" {
			p, err := c.partition(req.GetPartitionName())
			if err != nil {
				return err
			}
			filter = c.within([]*partition{p}, filter)
		}
		rows := c.matching(filter)
		reply.IDs = c.ids(rows)
		reply.DeleteCnt = int64(len(rows))
		c.remove(rows)
		reply.Acknowledged = true
		reply.Timestamp = h.store.timestamp()
		return nil
	})
	return reply, nil
}

func (h *service) Flush(ctx context.Context, req *milvuspb.FlushRequest) (*milvuspb.FlushResponse, error) {
	reply := &milvuspb.FlushResponse{
		DbName:          req.GetDbName(),
		CollSegIDs:      make(map[string]*schemapb.LongArray),
		FlushCollSegIDs: make(map[string]*schemapb.LongArray),
		CollSealTimes:   make(map[string]int64),
		CollFlushTs:     make(map[string]uint64),
	}
	reply.Status = h.reading(func() error {
		if len(req.GetCollectionNames()) == 0 {
			return invalidf("collection names should not be empty: invalid parameter")
		}
		for _, name := range req.GetCollectionNames() {
			c, err := h.store.collection(ctx, req.GetDbName(), name)
			if err != nil {
				return err
			}
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

func (h *service) GetFlushState(context.Context, *milvuspb.GetFlushStateRequest) (*milvuspb.GetFlushStateResponse, error) {
	return &milvuspb.GetFlushStateResponse{Status: toStatus(nil), Flushed: true}, nil
}
