// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"cmp"
	"hash/crc32"
	"math/bits"
	"slices"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// key is a primary key: a number or a string, as the schema says.
type key struct {
	number int64
	text   string
}

func (k key) String() string { return cmp.Or(k.text, strconv.FormatInt(k.number, 10)) }

func (k key) compare(other key) int {
	return cmp.Or(cmp.Compare(k.number, other.number), cmp.Compare(k.text, other.text))
}

func (c *collection) keyAt(row int) key { return keyIn(c.columns[c.primaryKey], row) }

// keyIn returns the value of a row in a column of numbers or of strings.
func keyIn(col column, row int) key {
	switch col := col.(type) {
	case *scalars[int64]:
		return key{number: col.data[row]}
	case *scalars[string]:
		return key{text: col.data[row]}
	default:
		panic("a key is neither a number nor a string") // The schema was checked.
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

// keyIndex finds the rows of a primary key. Milvus keeps each row of a key that is
// inserted more than once.
type keyIndex struct {
	first map[key]int32
	more  map[key][]int32 // the other rows of the few keys that have several
	extra int             // number of rows in more
}

func newKeyIndex() keyIndex {
	return keyIndex{first: make(map[key]int32), more: make(map[key][]int32)}
}

func (x *keyIndex) has(k key) bool {
	_, ok := x.first[k]
	return ok
}

// rows appends the rows of a key to buf.
func (x *keyIndex) rows(buf []int32, k key) []int32 {
	row, ok := x.first[k]
	if !ok {
		return buf
	}
	buf = append(buf, row)
	if x.extra > 0 {
		buf = append(buf, x.more[k]...)
	}
	return buf
}

func (x *keyIndex) add(k key, row int32) {
	if !x.has(k) {
		x.first[k] = row
		return
	}
	x.more[k] = append(x.more[k], row)
	x.extra++
}

func (x *keyIndex) remove(k key, row int32) {
	others := x.more[k]
	if x.first[k] == row {
		if len(others) == 0 {
			delete(x.first, k)
			return
		}
		x.first[k] = others[0]
		row = others[0]
	}
	x.extra--
	if len(others) == 1 {
		delete(x.more, k)
		return
	}
	x.more[k] = slices.DeleteFunc(others, func(other int32) bool { return other == row })
}

// move records that a row has another number now.
func (x *keyIndex) move(k key, from, to int32) {
	if x.first[k] == from {
		x.first[k] = to
		return
	}
	others := x.more[k]
	others[slices.Index(others, from)] = to
}

// hash is the hash by which Milvus spreads keys over shards and partitions.
func (k key) hash(isText bool) uint32 {
	if isText {
		const most = 100 // Milvus hashes no more of a string.
		return crc32.ChecksumIEEE([]byte(k.text[:min(len(k.text), most)]))
	}
	return murmur3(uint64(k.number)) & 0x7fffffff
}

// murmur3 is the 32 bit MurmurHash3 of the eight bytes of n.
func murmur3(n uint64) uint32 {
	var h uint32
	for _, block := range [2]uint32{uint32(n), uint32(n >> 32)} {
		block *= 0xcc9e2d51
		block = bits.RotateLeft32(block, 15) * 0x1b873593
		h = bits.RotateLeft32(h^block, 13)*5 + 0xe6546b64
	}
	h ^= 8 // the number of bytes
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	return h ^ h>>16
}
