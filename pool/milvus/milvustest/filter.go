// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// predicate reports whether a row matches a filter.
type predicate func(row int) bool

// purpose is the kind of request that has a filter. It decides the text of errors.
type purpose int

const (
	forQuery purpose = iota
	forSearch
	forDelete
)

// plan is a filter that was parsed and checked against the schema of a collection.
type plan struct {
	c       *collection
	purpose purpose
	root    condition // nil for an empty filter, which every row matches
}

// plan parses and checks a filter. Milvus does that before it looks whether the
// collection is loaded, and compiles afterwards.
func (c *collection) plan(purpose purpose, text string) (*plan, error) {
	p := &plan{c: c, purpose: purpose}
	if strings.TrimSpace(text) == "" {
		return p, nil
	}
	parser, n, err := parseFilter(text, c.as)
	var e *checked
	if err == nil {
		e, err = (&checker{parser: parser, c: c}).check(n)
	}
	switch {
	case errors.Is(err, errNothing):
		return nil, badFilter(c.as, purpose, text, fmt.Errorf("cannot parse expression: %s", text))
	case err != nil:
		return nil, badFilter(c.as, purpose, text, fmt.Errorf("cannot parse expression: %s, error: %w", text, err))
	case e.constant != nil && e.dataType == schemapb.DataType_Bool && n.kind != boolToken:
		p.root = constantCondition{e.constant.n == 1}
	case !e.isCondition():
		return nil, badFilter(c.as, purpose, text, fmt.Errorf("predicate is not a boolean expression: %s, data type: %s", text, e.dataType))
	default:
		p.root = e.condition
	}
	return p, nil
}

// compile returns the filter as a function; nil for an empty filter. The error is
// one that Milvus notices only when it reads the rows.
func (p *plan) compile() (predicate, error) {
	if p.root == nil {
		return nil, nil
	}
	e := &evaluation{as: p.c.as}
	match, err := p.root.compile(e)
	for row := 0; err == nil && e.may && row < p.c.rows(); row++ {
		match(row)
		err = e.failed
	}
	if err != nil {
		return nil, badPlan(p.c, p.purpose, err)
	}
	return match, nil
}

// filter plans and compiles the filter of a query at once.
func (c *collection) filter(text string) (predicate, error) {
	p, err := c.plan(forQuery, text)
	if err != nil {
		return nil, err
	}
	return p.compile()
}

// keys returns the primary keys that the filter names if it is "key in [...]" or
// "key == ..." and nothing else, with repetitions. Milvus deletes those keys without
// a look at the rows.
func (p *plan) keys() (keys []value, ok bool) {
	switch root := p.root.(type) {
	case inCondition:
		return root.values, root.field.column.schema().GetIsPrimaryKey()
	case compareCondition:
		return []value{root.value}, root.sign == equalToken && root.field.column.schema().GetIsPrimaryKey()
	default:
		return nil, false
	}
}

// badFilter is the error of a filter that Milvus refuses before it reads a row.
func badFilter(as release, purpose purpose, text string, err error) error {
	switch {
	case !as.before(since24) && purpose == forDelete:
		return invalidf("failed to create delete plan: %v: invalid parameter", err)
	case !as.before(since24):
		return invalidf("failed to create query plan: %v: invalid parameter", err)
	case purpose == forSearch:
		return failf(CodeUnexpected, "failed to create query plan: %v", err)
	case purpose == forDelete:
		return failf(CodeUnexpected, "failed to create expr plan, expr = %s", text)
	default:
		return failf(CodeUnexpected, "%v", err)
	}
}

// badPlan is the error of a filter that Milvus refuses when it reads the rows.
func badPlan(c *collection, purpose purpose, err error) error {
	if !c.as.before(since24) {
		verb := "Query"
		if purpose == forSearch {
			verb = "Search"
		}
		return failf(CodeUnexpected, "fail to %s on QueryNode 1: worker(1) query failed: %v", verb, err)
	}
	const internal = "service internal error: UnknownError"
	channel := fmt.Sprintf("by-dev-rootcoord-dml_0_%dv0", c.id)
	switch purpose {
	case forSearch:
		return failf(CodeUnexpected, "failed to search/query delegator 1 for channel %s: fail to Search, QueryNode ID=1, reason=worker(1) query failed: %v: %s", channel, err, internal)
	case forDelete:
		return failf(codeInternal, "failed to search/query delegator 1 for channel %s: %v: %s", channel, err, internal)
	default:
		return failf(CodeUnexpected, "failed to search/query delegator 1 for channel %s: fail to Query, QueryNode ID = 1, reason=worker(1) query failed: %v: %s", channel, err, internal)
	}
}

// codeInternal is the code of an error within Milvus.
const codeInternal Code = 5
