// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"fmt"
	"slices"
	"strings"
)

const plainSchema = "id int64 pk; v vector 4"

// schemas are the texts of schemas that a server should look at closely.
var schemas = []string{
	plainSchema, "id varchar 32 pk; v vector 4", "id int64 pk auto; v vector 4", "id varchar 32 pk auto; v vector 4", "v vector 4; id int64 pk", "id int64 pk; k int64; v vector 4; dynamic",
	"", "id int64 pk", "v vector 4", "id int64; v vector 4", "id int64 pk; id2 int64 pk; v vector 4", "id int64 pk; id int64; v vector 4", "id int64 pk; v vector 4; v vector 4",
	"id int8 pk; v vector 4", "id int32 pk; v vector 4", "id double pk; v vector 4", "id bool pk; v vector 4", "id json pk; v vector 4", "id vector 4 pk; k int64", "id string pk; v vector 4",
	"id int64 pk; k int64 auto; v vector 4", "id int64 pk auto; k int64 auto; v vector 4", "id varchar pk; v vector 4", "id varchar 0 pk; v vector 4", "id varchar -1 pk; v vector 4", "id varchar 65535 pk; v vector 4", "id varchar 65536 pk; v vector 4", "id varchar x pk; v vector 4",
	"id int64 pk; s varchar; v vector 4", "id int64 pk; s varchar 0; v vector 4", "id int64 pk; s varchar 65535; v vector 4", "id int64 pk; s varchar 65536; v vector 4", "id int64 pk; s varchar max_length=x; v vector 4", "id int64 pk; s string; v vector 4", "id int64 pk; s varchar 32 dim=4; v vector 4",
	"id int64 pk; v vector", "id int64 pk; v vector 0", "id int64 pk; v vector 1", "id int64 pk; v vector 2", "id int64 pk; v vector -4", "id int64 pk; v vector 32768", "id int64 pk; v vector 32769", "id int64 pk; v vector x", "id int64 pk; v vector 4.5", "id int64 pk; v vector dim=", "id int64 pk; v vector 4 dim=8", "id int64 pk; v vector Dim=4", "id int64 pk; v vector 4 max_length=3",
	"id int64 pk; v binary 8", "id int64 pk; v binary 7", "id int64 pk; v binary 0", "id int64 pk; v binary 262144", "id int64 pk; v binary 262152", "id int64 pk; v binary", "id int64 pk; v vector 4; w vector 4", "id int64 pk; v vector 4; w binary 8", "id int64 pk; v float16 4", "id int64 pk; v bfloat16 4", "id int64 pk; v sparse", "id int64 pk; v sparse dim=4",
	"id int64 pk; k type0; v vector 4", "id int64 pk; k type6; v vector 4", "id int64 pk; k type7; v vector 4", "id int64 pk; k type24; v vector 4", "id int64 pk; k type99; v vector 4", "id int64 pk; k type-1; v vector 4", "id int64 pk; '' int64; v vector 4", "id int64 pk; 1k int64; v vector 4", "id int64 pk; k-a int64; v vector 4", "id int64 pk; k.a int64; v vector 4", "id int64 pk; _k int64; v vector 4", "id int64 pk; $k int64; v vector 4", "id int64 pk; k$ int64; v vector 4", "id int64 pk; ключ int64; v vector 4", "id int64 pk; $meta json; v vector 4", "id int64 pk; $meta json; v vector 4; dynamic", "id int64 pk; K int64; k int64; v vector 4", "id int64 pk; in int64; v vector 4", "id int64 pk; like int64; v vector 4", "id int64 pk; and int64; v vector 4", "id int64 pk; true bool; v vector 4", "id int64 pk; RowID int64; v vector 4", "id int64 pk; Timestamp int64; v vector 4", "id int64 pk; count int64; v vector 4",
	"id int64 pk; a array int64 8; v vector 4", "id int64 pk; a array int64; v vector 4", "id int64 pk; a array int64 0; v vector 4", "id int64 pk; a array int64 4096; v vector 4", "id int64 pk; a array int64 4097; v vector 4", "id int64 pk; a array int64 x; v vector 4", "id int64 pk; a array type0 8; v vector 4", "id int64 pk; a array json 8; v vector 4", "id int64 pk; a array vector 8; v vector 4", "id int64 pk; a array array 8; v vector 4", "id int64 pk; a array varchar 8 16; v vector 4", "id int64 pk; a array varchar 8; v vector 4", "id int64 pk; a array varchar 8 65536; v vector 4", "id int64 pk; a array string 8; v vector 4", "id array int64 8 pk; v vector 4", "id int64 pk; a array bool 8; v vector 4", "id int64 pk; a array double 8; v vector 4",
	"id int64 pk; k int64 pkey; v vector 4", "id int64 pk; s varchar 32 pkey; v vector 4", "id int64 pk; k int32 pkey; v vector 4", "id int64 pk; k double pkey; v vector 4", "id int64 pk; k json pkey; v vector 4", "id int64 pk; k bool pkey; v vector 4", "id int64 pk pkey; v vector 4", "id int64 pk; k int64 pkey; l int64 pkey; v vector 4", "id int64 pk; v vector 4 pkey", "id int64 pk; a array int64 8 pkey; v vector 4",
}

// names are names that a server should look at closely.
var names = []string{
	"", " ", "a", "_a", "a1", "1a", "a-b", "a.b", "a b", "a/b", "a$b", "$a", "a\nb", "имя", "a'b", `a"b`, "A", "_", "_default", "default", "a_b_c", "a%b", "a*", strings.Repeat("n", 255), strings.Repeat("n", 256),
}

// fieldsOf returns a schema with so many fields.
func fieldsOf(n int) string {
	var b strings.Builder
	b.WriteString(plainSchema)
	for i := range n - 2 {
		fmt.Fprintf(&b, "; f%d int64", i)
	}
	return b.String()
}

// creations returns requests each of which creates the collection c and drops it.
func creations(create ...Request) []Request {
	var all []Request
	for _, r := range create {
		all = append(all, r, Request{Kind: cleanup, Do: "drop", On: r.On})
	}
	return all
}

func schemaGroups() []Group {
	third := len(schemas) / 3
	create := Request{Kind: "create collection", Do: "create!", On: "c"}
	sized := []Request{
		{Kind: "create collection", Do: "create!", On: "c", Text: fieldsOf(64)},
		{Kind: "create collection", Do: "create!", On: "c", Text: fieldsOf(65)},
		{Kind: "create collection", Do: "create!", On: "c", Text: fieldsOf(64) + "; dynamic"},
		{Kind: "create collection", Do: "create!", On: "c", Text: "id int64 pk; " + strings.Repeat("n", 255) + " int64; v vector 4"},
		{Kind: "create collection", Do: "create!", On: "c", Text: "id int64 pk; " + strings.Repeat("n", 256) + " int64; v vector 4"},
		{Kind: "create collection", Do: "create!", On: "c", Text: plainSchema, Params: "name=other"},
		{Kind: "create collection", Do: "create!", On: "c", Text: plainSchema, Params: "name="},
		{Kind: "create collection", Do: "create!", On: "c", Text: plainSchema, Params: "auto=true"},
		{Kind: "create collection", Do: "create!", On: "c", Text: plainSchema, Params: "level=7"},
		{Kind: "create collection", Do: "create!", On: "c", Text: plainSchema, Params: "level=-1"},
		{Kind: "create collection", Do: "create!", On: "c", Text: plainSchema, Params: "collection.ttl.seconds=x"},
		{Kind: "create collection", Do: "create!", On: "c", Text: plainSchema, Params: "nosuch.property=1"},
		{Kind: "create collection", Do: "create!", On: "c", Text: plainSchema, Params: "partitions=4"},
		{Kind: "create collection", Do: "create!", On: "c", Text: "id int64 pk; k int64 pkey; v vector 4", Params: "partitions=4"},
		{Kind: "create collection", Do: "create!", On: "c", Text: "id int64 pk; k int64 pkey; v vector 4", Params: "partitions=0"},
		{Kind: "create collection", Do: "create!", On: "c", Text: "id int64 pk; k int64 pkey; v vector 4", Params: "partitions=-1"},
		{Kind: "create collection", Do: "create!", On: "c", Text: "id int64 pk; k int64 pkey; v vector 4", Params: "partitions=4097"},
	}
	for _, shards := range []int{0, 2, 16, 17, 65, -1} {
		sized = append(sized, Request{Kind: "shards", Do: "create!", On: "c", Text: plainSchema, Params: fmt.Sprintf("shards=%d", shards)}, Request{Kind: "shards", Do: "describe", On: "c"}, Request{Kind: cleanup, Do: "drop", On: "c"})
	}
	sizedGroup := creations(sized[:17]...)
	sizedGroup = append(sizedGroup, sized[17:]...)
	var named []Request
	for _, name := range names {
		named = append(named, Request{Kind: "collection name", Do: "create!", On: name, Text: plainSchema},
			Request{Kind: "has collection", Do: "has", On: name}, Request{Kind: cleanup, Do: "drop", On: name})
	}
	return []Group{
		{"create: 1", nil, creations(made(create, setText, schemas[:third]...)...)},
		{"create: 2", nil, creations(made(create, setText, schemas[third:2*third]...)...)},
		{"create: 3", nil, creations(made(create, setText, schemas[2*third:]...)...)},
		{"create: sizes", nil, sizedGroup},
		{"create: names", nil, named},
		{"create: again", nil, again()},
		{"describe", nil, described()},
	}
}

func again() []Request {
	dynamic := plainSchema + "; dynamic"
	r := Request{Do: "create!", On: "c", Text: plainSchema}
	with := func(kind string, change func(*Request)) Request {
		x := r
		x.Kind = kind
		change(&x)
		return x
	}
	return []Request{
		r,
		with("create again, same schema", func(*Request) {}),
		with("create again, other schema", func(r *Request) { r.Text = "id int64 pk; v vector 8" }),
		with("create again, other schema", func(r *Request) { r.Text = "id int64 pk; w vector 4" }),
		with("create again, other schema", func(r *Request) { r.Text = "id int64 pk; k int64; v vector 4" }),
		with("create again, other schema", func(r *Request) { r.Text = "id int64 pk auto; v vector 4" }),
		with("create again, other schema", func(r *Request) { r.Text = dynamic }),
		with("create again, other description", func(r *Request) { r.Text = plainSchema + "; description other" }),
		with("create again, other consistency", func(r *Request) { r.Params = "level=3" }),
		with("create again, other shards", func(r *Request) { r.Params = "shards=2" }),
		with("create again, other properties", func(r *Request) { r.Params = "collection.ttl.seconds=10" }),
		with("create again, other partitions", func(r *Request) { r.Params = "partitions=4" }),
		{Kind: "drop collection", Do: "drop", On: "c"},
		{Kind: "drop collection", Do: "drop", On: "c"},
		{Kind: "drop collection", Do: "drop", On: "nosuch"},
		{Kind: "drop collection", Do: "drop", On: "a-b"},
		{Kind: "drop collection", Do: "drop", On: ""},
	}
}

func described() []Request {
	var all []Request
	for _, text := range []string{
		"id int64 pk; k int64; s varchar 32; v vector 4; dynamic; description some text", "id int64 pk auto; v vector 4", "id int64 pk; k int64 pkey; v vector 4", "id varchar 8 pk; b bool; f float; d double; j json; v binary 8", arraySchema,
	} {
		all = append(all,
			Request{Kind: "create collection", Do: "create!", On: "c", Text: text, Params: "level=1 collection.ttl.seconds=99"},
			Request{Kind: "describe collection", Do: "describe", On: "c"},
			Request{Kind: "statistics", Do: "stats", On: "c"},
			Request{Kind: "partition", Do: "partitions", On: "c"},
			Request{Kind: cleanup, Do: "drop", On: "c"})
	}
	return slices.Concat(all, made(Request{Kind: "describe collection", Do: "describe"}, setOn, "c", "", "a-b", "nosuch"))
}
