// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"fmt"
	"reflect"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/protoadapt"
)

// Request is one operation, as data. Which fields it needs depends on Do, see the
// table operations.
type Request struct {
	Kind string // row of the report; "" is Do

	Do      string   // name of the operation in the table operations
	On      string   // collection
	In      []string // partitions
	Filter  string
	Out     []string // output fields
	Field   string   // field to search, or to index
	Name    string   // name of an index, an alias, a database, an RPC; new name of a rename
	Text    string   // schema of create, rows of insert and upsert (JSON), keys of get and delete
	Vectors string   // query vectors: JSON, a list of lists
	Metric  string
	Limit   int
	Offset  int
	Params  string // parameters: JSON in a search, "key=value key=value" elsewhere
	Raw     protoadapt.MessageV1

	// Kills says that the request ends a real Milvus 2.3.5. It is not sent there, and
	// milvustest must answer it with an error.
	Kills bool
}

// kind returns the row of the report.
func (r Request) kind() string {
	if r.Kind != "" {
		return r.Kind
	}
	return r.Do
}

// String returns the request on one line. Two requests with the same String are the same.
func (r Request) String() string {
	var b strings.Builder
	b.WriteString(r.Do)
	v := reflect.ValueOf(r)
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		if name == "Kind" || name == "Do" || name == "Raw" || field.IsZero() {
			continue
		}
		if field.Kind() == reflect.String {
			fmt.Fprintf(&b, " %s=%q", name, field.String())
		} else {
			fmt.Fprintf(&b, " %s=%v", name, field.Interface())
		}
	}
	if r.Raw != nil {
		text, err := protojson.Marshal(protoadapt.MessageV2Of(r.Raw))
		if err != nil { // a string that is no UTF-8
			text = fmt.Append(nil, r.Raw)
		}
		// protojson varies the space between the parts on purpose.
		fmt.Fprintf(&b, " %s %s", reflect.TypeOf(r.Raw).Elem().Name(), strings.ReplaceAll(string(text), " ", ""))
	}
	return b.String()
}
