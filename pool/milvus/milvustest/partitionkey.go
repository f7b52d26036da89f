// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

const maxPartitions = 4096

// defaultPartitions is the number of partitions that Milvus makes for a partition key.
func (r release) defaultPartitions() int {
	if r.before(since24) {
		return 64
	}
	return 16
}

// checkPartitionKey returns the index of the partition key, -1 for none, and the number
// of partitions of the collection.
func checkPartitionKey(as release, schema *schemapb.CollectionSchema, wanted int64) (index, partitions int, err error) {
	index = -1
	for i, f := range schema.GetFields() {
		if !f.GetIsPartitionKey() {
			continue
		}
		switch kind := f.GetDataType(); {
		case index >= 0:
			return 0, 0, as.badStatement("there are more than one partition key, field name = %s, %s",
				schema.GetFields()[index].GetName(), f.GetName())
		case f.GetIsPrimaryKey():
			return 0, 0, as.badStatement("the partition key field must not be primary field")
		case kind != schemapb.DataType_Int64 && kind != schemapb.DataType_VarChar:
			return 0, 0, as.badStatement("the data type of partition key should be Int64 or VarChar")
		}
		index = i
	}
	switch {
	case index < 0 && wanted != 0:
		return 0, 0, as.badStatement("num_partitions should only be specified with partition key field enabled")
	case index < 0:
		return index, 1, nil
	case wanted < 0:
		return 0, 0, as.badStatement("the specified partitions should be greater than 0 if partition key is used")
	case wanted > maxPartitions:
		return 0, 0, as.badStatement("partition number (%d) exceeds max configuration (%d), collection: %s", wanted, maxPartitions, schema.GetName())
	case wanted == 0:
		return index, as.defaultPartitions(), nil
	default:
		return index, int(wanted), nil
	}
}

// addFirstPartitions makes the partitions that a new collection has.
func (c *collection) addFirstPartitions(s *store, partitions int) {
	if c.partitionKey < 0 {
		c.addPartition(s, defaultPartition)
		return
	}
	for i := range partitions {
		c.addPartition(s, defaultPartition+"_"+strconv.Itoa(i))
	}
}

// partitionByKey returns the partition of a row by its partition key.
func (c *collection) partitionByKey(row int) *partition {
	col := c.columns[c.partitionKey]
	isText := col.schema().GetDataType() == schemapb.DataType_VarChar
	return c.partitions[keyIn(col, row).hash(isText)%uint32(len(c.partitions))]
}

// mayName returns an error if a request must not name the partition.
func (c *collection) mayName(name string) error {
	switch {
	case c.partitionKey >= 0:
		return c.as.badStatement("not support manually specifying the partition names if partition key mode is used")
	case !validPartitionName(name):
		return c.as.badPartitionName(name)
	default:
		return nil
	}
}

// mayManage returns an error if a request must not make, drop, load or release single
// partitions.
func (c *collection) mayManage(what string) error {
	if c.partitionKey < 0 {
		return nil
	}
	return c.as.badStatement("disable %s if partition key mode is used", what)
}

// target returns the partition that an insert names; nil if the partition key decides.
func (c *collection) target(name string) (*partition, error) {
	if name == "" {
		if c.partitionKey >= 0 {
			return nil, nil
		}
		name = defaultPartition
	}
	if err := c.mayName(name); err != nil {
		return nil, err
	}
	return c.partition(name)
}
