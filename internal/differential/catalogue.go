// SPDX-License-Identifier: Apache-2.0

package differential

import "slices"

// Group is a part of the catalogue. Its requests run in their order in a database of
// their own, after Setup.
type Group struct {
	Name     string
	Setup    []Request // not counted
	Requests []Request
}

// cleanup is the kind of requests that undo the one before. They are not counted, because
// they agree where that one does.
const cleanup = "cleanup"

// all returns the requests of the setup and of the group.
func (g Group) all() []Request { return slices.Concat(g.Setup, g.Requests) }

// Catalogue returns the hostile requests. They are chosen to hurt and are no sample of
// what programs send.
func Catalogue() []Group {
	return slices.Concat(filterGroups(), searchGroups(), schemaGroups(), indexGroups(), writeGroups(), adminGroups(), rawGroups())
}

// ready are the requests that create, fill, index and load a collection. The vector
// field is v, and its metric is L2.
func ready(on, schema, rows string) []Request {
	return []Request{
		{Do: "create", On: on, Text: schema},
		{Do: "insert", On: on, Text: rows},
		{Do: "index", On: on, Field: "v", Metric: "L2"},
		{Do: "load", On: on},
	}
}

// made returns copies of a request for each of the texts.
func made(r Request, set func(*Request, string), texts ...string) []Request {
	all := make([]Request, len(texts))
	for i, text := range texts {
		all[i] = r
		set(&all[i], text)
	}
	return all
}

func setFilter(r *Request, filter string) { r.Filter = filter }

// queries returns a query of the ids for each filter.
func queries(kind, on string, filters ...string) []Request {
	return made(Request{Kind: kind, Do: "query", On: on, Out: []string{"id"}}, setFilter, filters...)
}

// marked returns the requests with Kills set.
func marked(requests []Request) []Request {
	for i := range requests {
		requests[i].Kills = true
	}
	return requests
}
