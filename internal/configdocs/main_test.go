// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/penstock-go/penstock/fxmodule/config"
)

func TestTheFilesAreWhatTheSettingsMakeThem(t *testing.T) {
	if err := run("../../docs", true); err != nil {
		t.Error(err)
	}
}

func TestAStaleFileIsNamedAndMadeAnew(t *testing.T) {
	dir := t.TempDir()
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	stale := bytes.ReplaceAll(page, []byte("| `pool.max_size` |"), []byte("| `pool.most` |"))
	if err := os.WriteFile(dir+"/configuration.md", stale, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, true); err == nil {
		t.Error("a stale page passes")
	}
	if err := run(dir, false); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(dir + "/configuration.md"); err != nil || !bytes.Equal(got, page) {
		t.Errorf("the page is not made anew: %v", err)
	}
	if err := run(dir, true); err != nil {
		t.Error(err)
	}
}

func TestAPageWithoutATableIsRefused(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range []string{"retry", "hedge"} {
		if _, err := tables(string(bytes.ReplaceAll(page, []byte("settings: "+group+" "), []byte("settings: other ")))); err == nil {
			t.Errorf("a page without the table of %s passes", group)
		}
	}
}

// compiled returns the schema in docs.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../../docs/configuration.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("penstock.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("penstock.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The schema and Load agree on each file. Where they do not, the row says so.
func TestTheSchemaTakesWhatLoadTakes(t *testing.T) {
	s := compiled(t)
	for _, row := range []struct {
		file         string
		schema, load bool
	}{
		{"# every setting has its default\n", true, true},
		{"pool:\n", true, true},
		{"pool: {max_size: 3, replace_after: never, lifetime_jitter: none, max_lifetime: 1h}\nretry: {max_retries: none}\nmax_async: unlimited", true, true},
		{"clients:\n", true, true},
		{"clients: {books: , words: {pool: {max_size: 3}}}\noperation_timeout: 1m30s", true, true},
		{"milvus: {address: \"a:1\", lanes: read_write, endpoints: {slow_factor: 6.5, max_ejection: 1.5m}, tls: {enabled: true}}", true, true},
		{"milvus: {username: a, password: b}\nretry: {jitter: equal}\norder: [trace, retry, timeout, breaker, health]", true, true},
		{"keyed_breaker: {max: 10, each: {failure_rate: 0.5}}\nratelimit: {rate: 0.5}", true, true},

		{"pol: {max_size: 3}", false, false},
		{"max_size: 3", false, false},
		{"pool: {maxsize: 3}", false, false},
		{"pool: 3", false, false},
		{"pool: {max_size: many}", false, false},
		{"pool: {max_size: 0}", false, false},
		{"pool: {max_size: 1.5}", false, false},
		{"pool: {mode: shared}", false, false},
		{"ratelimit: {rate: 0}", false, false},
		{"ratelimit: {rate: -1}", false, false},
		{"retry: {interval: 3}", false, false},
		{"retry: {interval: 3 seconds}", false, false},
		{"retry: {interval: -3s}", false, false},
		{"retry: {jitter: much}", false, false},
		{"retry: {max_retries: never}", false, false},
		{"breaker: {disabled: 1}", false, false},
		{"breaker: {disabled: yes}", false, false},
		{"milvus: {address: 17}", false, false},
		{"milvus: {password: 17}", false, false},
		{"order: trace", false, false},
		{"order: []", false, false},
		{"order: [\"\"]", false, false},
		{"clients: [books]", false, false},
		{"clients: {books: 3}", false, false},
		{"clients: {\"my books\": {}}", false, false},
		{"clients: {books: {clients: {}}}", false, false},
		{"clients: {books: {pool: {max_size: many}}}", false, false},
		{"keyed_breaker: {each: {disabled: true}}", false, false},
		{"- a", false, false},

		{"pool: {min_size: 9, max_size: 3}", true, false}, // a contradiction
		{"retry: {interval: 0s}", true, false},            // no pattern of a duration above zero is short
		{"milvus: {lanes: three}", true, false},           // Check of the backend
	} {
		var doc any
		if err := yaml.Unmarshal([]byte(row.file), &doc); err != nil {
			t.Fatal(err)
		}
		if doc != nil {
			if err := s.Validate(doc); (err == nil) != row.schema {
				t.Errorf("%q: the schema says %v, want valid %t", row.file, err, row.schema)
			}
		}
		name := t.TempDir() + "/penstock.yaml"
		if err := os.WriteFile(name, []byte(row.file), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(name, options); (err == nil) != row.load {
			t.Errorf("%q: Load = %v, want valid %t", row.file, err, row.load)
		}
	}
}
