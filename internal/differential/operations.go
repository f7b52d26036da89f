// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock/pool/milvus"
)

// operation answers a request.
type operation func(ctx context.Context, s *session, r Request) (Outcome, error)

// operations are the values of Request.Do that go through the pool and the SDK. bare has
// those that go over a bare stub; their names end in "!".
var operations = map[string]operation{}

func init() {
	operations = map[string]operation{
		"create":   create,
		"drop":     simple(func(ctx context.Context, c *milvus.Conn, r Request) error { return c.DropCollection(ctx, r.On) }),
		"rename":   rename,
		"has":      fact(func(ctx context.Context, c *milvus.Conn, r Request) (any, error) { return c.HasCollection(ctx, r.On) }),
		"describe": describe,
		"list":     list,
		"stats": fact(func(ctx context.Context, c *milvus.Conn, r Request) (any, error) {
			return c.GetCollectionStatistics(ctx, r.On)
		}),
		"partition": each1(func(ctx context.Context, c *milvus.Conn, on, p string) error { return c.CreatePartition(ctx, on, p) }),
		"dropPart":  each1(func(ctx context.Context, c *milvus.Conn, on, p string) error { return c.DropPartition(ctx, on, p) }),
		"hasPart": fact(func(ctx context.Context, c *milvus.Conn, r Request) (any, error) {
			return c.HasPartition(ctx, r.On, r.Name)
		}),
		"partitions": partitions,
		"index":      createIndex,
		"indexes":    indexes,
		"dropIndex": simple(func(ctx context.Context, c *milvus.Conn, r Request) error {
			return c.DropIndex(ctx, r.On, r.Field, indexOptions(r)...)
		}),
		"load":    load,
		"release": release,
		"state": fact(func(ctx context.Context, c *milvus.Conn, r Request) (any, error) {
			return c.GetLoadState(ctx, r.On, r.In)
		}),
		"progress": fact(func(ctx context.Context, c *milvus.Conn, r Request) (any, error) {
			return c.GetLoadingProgress(ctx, r.On, r.In)
		}),
		"insert": write((*milvus.Conn).Insert),
		"upsert": write((*milvus.Conn).Upsert),
		"delete": simple(func(ctx context.Context, c *milvus.Conn, r Request) error {
			return c.Delete(ctx, r.On, first(r.In), r.Filter)
		}),
		"deleteIDs":  deleteIDs,
		"flush":      simple(func(ctx context.Context, c *milvus.Conn, r Request) error { return c.Flush(ctx, r.On, false) }),
		"query":      query,
		"get":        get,
		"search":     search,
		"hybrid":     hybrid,
		"alias":      alias,
		"alterAlias": simple(func(ctx context.Context, c *milvus.Conn, r Request) error { return c.AlterAlias(ctx, r.On, r.Name) }),
		"dropAlias":  simple(func(ctx context.Context, c *milvus.Conn, r Request) error { return c.DropAlias(ctx, r.Name) }),
		"databases":  databases,
		"createDB":   simple(func(ctx context.Context, c *milvus.Conn, r Request) error { return c.CreateDatabase(ctx, r.Name) }),
		"dropDB":     simple(func(ctx context.Context, c *milvus.Conn, r Request) error { return c.DropDatabase(ctx, r.Name) }),
		"alter":      alter,
		"createUser": simple(func(ctx context.Context, c *milvus.Conn, r Request) error {
			return c.CreateCredential(ctx, r.Name, r.Text)
		}),
		"dropUser":   simple(func(ctx context.Context, c *milvus.Conn, r Request) error { return c.DeleteCredential(ctx, r.Name) }),
		"updateUser": updateUser,
		"users":      fact(func(ctx context.Context, c *milvus.Conn, r Request) (any, error) { return c.ListCredUsers(ctx) }),
		"createRole": simple(func(ctx context.Context, c *milvus.Conn, r Request) error { return c.CreateRole(ctx, r.Name) }),
		"dropRole":   simple(func(ctx context.Context, c *milvus.Conn, r Request) error { return c.DropRole(ctx, r.Name) }),
		"addRole":    simple(func(ctx context.Context, c *milvus.Conn, r Request) error { return c.AddUserRole(ctx, r.Name, r.Text) }),
		"removeRole": simple(func(ctx context.Context, c *milvus.Conn, r Request) error {
			return c.RemoveUserRole(ctx, r.Name, r.Text)
		}),
		"health":       fact(func(ctx context.Context, c *milvus.Conn, _ Request) (any, error) { return c.CheckHealth(ctx) }),
		"compact":      compact,
		"iterateQuery": iterate,
	}
}

// simple makes an operation of a call that returns an error alone.
func simple(f func(context.Context, *milvus.Conn, Request) error) operation {
	return func(ctx context.Context, s *session, r Request) (Outcome, error) {
		return with(ctx, s, func(ctx context.Context, c *milvus.Conn) (Outcome, error) { return Outcome{}, f(ctx, c, r) })
	}
}

// fact makes an operation of a call whose answer prints the same on all servers.
func fact(f func(context.Context, *milvus.Conn, Request) (any, error)) operation {
	return func(ctx context.Context, s *session, r Request) (Outcome, error) {
		return with(ctx, s, func(ctx context.Context, c *milvus.Conn) (Outcome, error) {
			v, err := f(ctx, c, r)
			if list, ok := v.([]string); ok {
				slices.Sort(list)
			}
			if state, ok := v.(*entity.MilvusState); ok && state != nil {
				v = *state
			}
			return Outcome{Rows: []string{fmt.Sprint(v)}}, err
		})
	}
}

// each1 makes an operation of a call for one partition.
func each1(f func(ctx context.Context, c *milvus.Conn, on, partition string) error) operation {
	return simple(func(ctx context.Context, c *milvus.Conn, r Request) error {
		if len(r.In) == 0 {
			return f(ctx, c, r.On, r.Name)
		}
		for _, p := range r.In {
			if err := f(ctx, c, r.On, p); err != nil {
				return err
			}
		}
		return nil
	})
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func create(ctx context.Context, s *session, r Request) (Outcome, error) {
	proto := parseSchema(r.On, r.Text)
	s.schemas[r.On] = proto
	schema := entity.NewSchema().ReadProto(proto)
	shards, options := int32(1), []client.CreateCollectionOption(nil)
	for _, p := range pairs(r.Params) {
		switch n := integer(p.GetValue()); p.GetKey() {
		case "shards":
			shards = int32(n)
		case "level":
			options = append(options, client.WithConsistencyLevel(entity.ConsistencyLevel(n)))
		case "partitions":
			options = append(options, client.WithPartitionNum(n))
		default:
			options = append(options, client.WithCollectionProperty(p.GetKey(), p.GetValue()))
		}
	}
	return with(ctx, s, func(ctx context.Context, c *milvus.Conn) (Outcome, error) {
		return Outcome{}, c.CreateCollection(ctx, schema, shards, options...)
	})
}

func rename(ctx context.Context, s *session, r Request) (Outcome, error) {
	out, err := simple(func(ctx context.Context, c *milvus.Conn, r Request) error {
		return c.RenameCollection(ctx, r.On, r.Name)
	})(ctx, s, r)
	if err == nil {
		s.schemas[r.Name] = s.schemas[r.On]
	}
	return out, err
}

func alias(ctx context.Context, s *session, r Request) (Outcome, error) {
	if s.schemas[r.Name] == nil {
		s.schemas[r.Name] = s.schemas[r.On]
	}
	return simple(func(ctx context.Context, c *milvus.Conn, r Request) error { return c.CreateAlias(ctx, r.On, r.Name) })(ctx, s, r)
}

func describe(ctx context.Context, s *session, r Request) (Outcome, error) {
	return with(ctx, s, func(ctx context.Context, c *milvus.Conn) (Outcome, error) {
		d, err := c.DescribeCollection(ctx, r.On)
		if err != nil {
			return Outcome{}, err
		}
		rows := []string{fmt.Sprintf("%s shards=%d level=%d %v", d.Name, d.ShardNum, d.ConsistencyLevel, d.Properties)}
		rows = append(rows, fmt.Sprintf("schema name=%s description=%s auto=%v dynamic=%v", d.Schema.CollectionName, d.Schema.Description, d.Schema.AutoID, d.Schema.EnableDynamicField))
		for _, f := range d.Schema.Fields {
			rows = append(rows, fmt.Sprintf("%d %s %d pk=%v auto=%v pkey=%v element=%d dynamic=%v %v", f.ID, f.Name, f.DataType, f.PrimaryKey, f.AutoID, f.IsPartitionKey, f.ElementType, f.IsDynamic, f.TypeParams))
		}
		return Outcome{Rows: rows}, nil
	})
}

func list(ctx context.Context, s *session, _ Request) (Outcome, error) {
	return with(ctx, s, func(ctx context.Context, c *milvus.Conn) (Outcome, error) {
		all, err := c.ListCollections(ctx)
		out := Outcome{}
		for _, d := range all {
			out.Rows = append(out.Rows, d.Name)
		}
		slices.Sort(out.Rows)
		return out, err
	})
}

// databases leaves out the databases of the sessions themselves.
func databases(ctx context.Context, s *session, _ Request) (Outcome, error) {
	return with(ctx, s, func(ctx context.Context, c *milvus.Conn) (Outcome, error) {
		all, err := c.ListDatabases(ctx)
		out := Outcome{}
		for _, d := range all {
			if strings.HasPrefix(d.Name, "cat_") || d.Name == "default" {
				out.Rows = append(out.Rows, d.Name)
			}
		}
		slices.Sort(out.Rows)
		return out, err
	})
}

func partitions(ctx context.Context, s *session, r Request) (Outcome, error) {
	return with(ctx, s, func(ctx context.Context, c *milvus.Conn) (Outcome, error) {
		all, err := c.ShowPartitions(ctx, r.On)
		out := Outcome{}
		for _, p := range all {
			out.Rows = append(out.Rows, p.Name)
		}
		slices.Sort(out.Rows)
		return out, err
	})
}

func indexOptions(r Request) []client.IndexOption {
	if r.Name == "" {
		return nil
	}
	return []client.IndexOption{client.WithIndexName(r.Name)}
}

// createIndex makes an index of the parameters, or FLAT of a metric.
func createIndex(ctx context.Context, s *session, r Request) (Outcome, error) {
	params := map[string]string{}
	for _, p := range pairs(r.Params) {
		params[p.GetKey()] = p.GetValue()
	}
	if r.Metric != "" {
		params["metric_type"] = r.Metric
	}
	if r.Params == "" {
		params["index_type"] = "FLAT"
	}
	return simple(func(ctx context.Context, c *milvus.Conn, r Request) error {
		return c.CreateIndex(ctx, r.On, r.Field, entity.NewGenericIndex(r.Name, "", params), true, indexOptions(r)...)
	})(ctx, s, r)
}

func indexes(ctx context.Context, s *session, r Request) (Outcome, error) {
	return with(ctx, s, func(ctx context.Context, c *milvus.Conn) (Outcome, error) {
		all, err := c.DescribeIndex(ctx, r.On, r.Field, indexOptions(r)...)
		out := Outcome{}
		for _, x := range all {
			out.Rows = append(out.Rows, fmt.Sprint(x.Name(), x.Params()))
		}
		slices.Sort(out.Rows)
		return out, err
	})
}

// load returns when the collection or the partitions are loaded.
func load(ctx context.Context, s *session, r Request) (Outcome, error) {
	return simple(func(ctx context.Context, c *milvus.Conn, r Request) error {
		var err error
		if len(r.In) > 0 {
			err = c.LoadPartitions(ctx, r.On, r.In, true)
		} else {
			err = c.LoadCollection(ctx, r.On, true)
		}
		if err != nil {
			return err
		}
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			state, err := c.GetLoadState(ctx, r.On, r.In)
			if err != nil || state == entity.LoadStateLoaded {
				return err
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return fmt.Errorf("load: %w", ctx.Err())
			}
		}
	})(ctx, s, r)
}

func release(ctx context.Context, s *session, r Request) (Outcome, error) {
	return simple(func(ctx context.Context, c *milvus.Conn, r Request) error {
		if len(r.In) > 0 {
			return c.ReleasePartitions(ctx, r.On, r.In)
		}
		return c.ReleaseCollection(ctx, r.On)
	})(ctx, s, r)
}

func alter(ctx context.Context, s *session, r Request) (Outcome, error) {
	return simple(func(ctx context.Context, c *milvus.Conn, r Request) error {
		if r.Limit == 0 {
			return errors.New("alter needs the seconds of a TTL as its Limit")
		}
		return c.AlterCollection(ctx, r.On, entity.CollectionTTL(int64(r.Limit)))
	})(ctx, s, r)
}

func updateUser(ctx context.Context, s *session, r Request) (Outcome, error) {
	return simple(func(ctx context.Context, c *milvus.Conn, r Request) error {
		from, to, _ := strings.Cut(r.Text, " ")
		return c.UpdateCredential(ctx, r.Name, from, to)
	})(ctx, s, r)
}

func compact(ctx context.Context, s *session, r Request) (Outcome, error) {
	return simple(func(ctx context.Context, c *milvus.Conn, r Request) error {
		_, err := c.ManualCompaction(ctx, r.On, 0)
		return err
	})(ctx, s, r)
}

// keysOf reads a list of keys in JSON. "auto3" is the third key that the server made.
func (s *session) keysOf(collection, text string) (entity.Column, error) {
	var keys []any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&keys); err != nil {
		return nil, fmt.Errorf("differential: keys %q: %w", text, err)
	}
	for i, key := range keys {
		if made, ok := s.made[fmt.Sprint(key)]; ok {
			keys[i] = made
		}
	}
	schema := s.schemas[collection]
	for _, f := range schema.GetFields() {
		if f.GetIsPrimaryKey() {
			return entity.FieldDataColumn(fieldData(f, keys), 0, -1)
		}
	}
	return entity.NewColumnInt64("id", each(keys, integer)), nil
}

func deleteIDs(ctx context.Context, s *session, r Request) (Outcome, error) {
	keys, err := s.keysOf(r.On, r.Text)
	if err != nil {
		return Outcome{}, err
	}
	return simple(func(ctx context.Context, c *milvus.Conn, r Request) error {
		return c.DeleteByPks(ctx, r.On, first(r.In), keys)
	})(ctx, s, r)
}

// write makes an operation of Insert or Upsert.
func write(call func(c *milvus.Conn, ctx context.Context, collection, partition string, columns ...entity.Column) (entity.Column, error)) operation {
	return func(ctx context.Context, s *session, r Request) (Outcome, error) {
		var columns []entity.Column
		for _, fd := range columnsOf(s.schemas[r.On], parseRows(r.Text)) {
			c, err := entity.FieldDataColumn(fd, 0, -1)
			if err != nil {
				return Outcome{}, err
			}
			columns = append(columns, c)
		}
		return with(ctx, s, func(ctx context.Context, c *milvus.Conn) (Outcome, error) {
			ids, err := call(c, ctx, r.On, first(r.In), columns...)
			if err != nil {
				return Outcome{}, err
			}
			out := Outcome{Rows: []string{fmt.Sprintf("%d rows", ids.Len())}}
			for i := range ids.Len() {
				out.Rows = append(out.Rows, s.keep(r.On, ids, i))
			}
			return out, nil
		})
	}
}

// keep returns the normal form of a key that an insert returned.
func (s *session) keep(collection string, ids entity.Column, i int) string {
	v, err := ids.Get(i)
	if err != nil {
		return "none"
	}
	key := fmt.Sprint(v)
	for _, f := range s.schemas[collection].GetFields() {
		if f.GetIsPrimaryKey() && f.GetAutoID() {
			name := fmt.Sprintf("auto%d", len(s.auto)+1)
			s.auto[key], s.made[name] = name, key
			return name
		}
	}
	return render(v)
}
