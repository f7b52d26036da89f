// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"os"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"

	"github.com/penstock-go/penstock/internal/contract"
)

func penstock(t *testing.T) *contract.Registry {
	t.Helper()
	r, err := contract.Penstock()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// each calls f for each attribute of each signal that is emitted.
func each(r *contract.Registry, f func(s *contract.Signal, u *contract.Use)) {
	for _, signals := range r.Signals {
		for _, s := range signals {
			for _, u := range s.Uses {
				f(s, u)
			}
		}
	}
}

func TestEveryAttributeOfAMetricIsBounded(t *testing.T) {
	each(penstock(t), func(s *contract.Signal, u *contract.Use) {
		closed := u.Type == "boolean" || len(u.Values) > 0 && !u.Mark.Open && !u.Mark.Word
		if s.Kind == contract.Metric && !closed && u.Mark.MaxValues == 0 {
			t.Errorf("%s of %s has values without end: list its values, or annotate max_values", u.Key, s.Name)
		}
	})
}

func TestEveryAttributeIsDefinedAndUsed(t *testing.T) {
	r := penstock(t)
	used := map[string]bool{"penstock.link": true} // it is on links, which no format defines
	each(r, func(s *contract.Signal, u *contract.Use) {
		used[u.Key] = true
		if u.Type == contract.Any {
			t.Errorf("%s of %s is defined nowhere", u.Key, s.Name)
		}
	})
	for key := range r.Attributes {
		ours := strings.HasPrefix(key, "penstock.") || strings.HasPrefix(key, "milvus.")
		if ours && !used[key] {
			t.Errorf("no signal has the attribute %s", key)
		}
	}
}

// TestNamesAreFormedAsTheConventionsSay asks for what the guide to naming of the
// conventions asks for.
func TestNamesAreFormedAsTheConventionsSay(t *testing.T) {
	form := regexp.MustCompile(`^[a-z][a-z0-9]*([._][a-z0-9]+)+$`)
	r := penstock(t)
	for kind, signals := range r.Signals {
		for name, s := range signals {
			if !form.MatchString(name) {
				t.Errorf("%s %q is not formed as a name", kind, name)
			}
			if strings.HasSuffix(name, "_total") || strings.HasSuffix(name, ".total") {
				t.Errorf("%s ends in total, which Prometheus adds by itself", name)
			}
			if kind == contract.Metric && s.Unit == "" {
				t.Errorf("%s has no unit", name)
			}
		}
	}
	for key, a := range r.Attributes {
		if a.Deprecated == "" && !form.MatchString(key) {
			t.Errorf("attribute %q is not formed as a name", key)
		}
	}
}

// conventions returns the source of the attributes of package semconv. It is found
// by the address of one of its functions, without another process.
func conventions(t *testing.T) string {
	t.Helper()
	file, _ := runtime.FuncForPC(reflect.ValueOf(semconv.DBNamespace).Pointer()).FileLine(0)
	source, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("the source of package semconv is not here: %v", err)
	}
	return string(source)
}

// TestTheExcerptIsThatOfTheConventions compares semconv.yaml with the packages that
// are generated from the conventions. The packages leave deprecated names out.
func TestTheExcerptIsThatOfTheConventions(t *testing.T) {
	source, r := conventions(t), penstock(t)
	constants, makers := map[string]string{}, map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\t(\w+Key)\s+= attribute\.Key\("([^"]+)"\)`).FindAllStringSubmatch(source, -1) {
		constants[m[2]] = m[1]
	}
	for _, m := range regexp.MustCompile(`(\w+Key)\.(\w+)\(`).FindAllStringSubmatch(source, -1) {
		makers[m[1]] = m[2]
	}
	types := map[string]string{"Bool": "boolean", "Int": "int", "Float64": "double", "String": "string"}
	for key, a := range r.Attributes {
		if strings.HasPrefix(key, "penstock.") || strings.HasPrefix(key, "milvus.") {
			continue
		}
		constant, ok := constants[key]
		if ok != (a.Deprecated == "") {
			t.Errorf("%s is deprecated here: %v; package semconv has it: %v", key, a.Deprecated != "", ok)
		}
		if !ok {
			continue
		}
		if made := makers[constant]; types[made] != a.Type {
			t.Errorf("%s is a %s, package semconv makes it by %q", key, a.Type, made)
		}
		for _, value := range a.Values {
			if !strings.Contains(source, constant+`.String("`+value+`")`) {
				t.Errorf("package semconv has no value %q of %s", value, key)
			}
		}
	}

	type metric interface {
		Name() string
		Unit() string
	}
	for _, m := range []metric{
		dbconv.ClientOperationDuration{}, dbconv.ClientResponseReturnedRows{}, dbconv.ClientConnectionCount{},
		dbconv.ClientConnectionIdleMax{}, dbconv.ClientConnectionIdleMin{}, dbconv.ClientConnectionMax{},
		dbconv.ClientConnectionPendingRequests{}, dbconv.ClientConnectionTimeouts{}, dbconv.ClientConnectionCreateTime{},
		dbconv.ClientConnectionWaitTime{}, dbconv.ClientConnectionUseTime{},
	} {
		s := r.Signals[contract.Metric][m.Name()]
		if s == nil || !s.Emitted() || s.Unit != m.Unit() {
			t.Errorf("%s is defined as %+v, want the unit %s", m.Name(), s, m.Unit())
		}
	}
}

// TestTheManifestDependsOnTheConventionsInUse holds the manifest to the version that
// the code is compiled with.
func TestTheManifestDependsOnTheConventionsInUse(t *testing.T) {
	manifest, err := os.ReadFile("../../docs/registry/manifest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(manifest), "schema_url: "+semconv.SchemaURL+"\n") {
		t.Errorf("docs/registry/manifest.yaml does not depend on %s", semconv.SchemaURL)
	}
}

func TestARegistryThatIsWrongIsRefused(t *testing.T) {
	const head = "file_format: definition/2\n"
	for name, tt := range map[string]struct{ text, want string }{
		"old format":    {"groups: []\n", "field groups not found"},
		"no format":     {"metrics: []\n", `file_format is ""`},
		"slip":          {head + "metrics:\n  - name: app.jobs\n    intrument: counter\n", "field intrument not found"},
		"no group":      {head + "metrics:\n  - name: app.jobs\n    attributes:\n      - ref_group: app.none\n", "metric app.jobs: ref_group app.none is not defined"},
		"twice":         {head + "metrics:\n  - name: penstock.retries\n", "metric penstock.retries is defined twice"},
		"attribute":     {head + "attributes:\n  - key: error.type\n    type: string\n", "attribute error.type is defined twice"},
		"refines":       {head + "metric_refinements:\n  - id: app.jobs\n    ref: app.none\n", "app.jobs refines app.none, which is not defined"},
		"type":          {head + "attributes:\n  - key: app.x\n    type: {members: []}\n", "neither a name nor an enumeration"},
		"no definition": {"", "no definitions"},
	} {
		files := fstest.MapFS{"manifest.yaml": {}}
		if tt.text != "" {
			files["app.yaml"] = &fstest.MapFile{Data: []byte(tt.text)}
		}
		if _, err := contract.Load(files); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Load = %v, want an error with %q", name, err, tt.want)
		}
	}
}

func TestARegistryOfAnApplicationIsAdded(t *testing.T) {
	r, err := contract.Load(fstest.MapFS{"app.yaml": {Data: []byte(`file_format: definition/2
attributes:
  - key: app.priority
    type:
      members:
        - {id: low, value: 1, stability: development}
        - {id: high, value: 2, stability: development}
    brief: How urgent it is.
    stability: development
spans:
  - type: app.job
    kind: internal
    name: {note: "job {app.priority}"}
    brief: A job.
    stability: development
    attributes:
      - ref: app.priority
        requirement_level: required
      - ref: penstock.attempt
      - ref: cloud.region
`)}})
	if err != nil {
		t.Fatal(err)
	}
	s := r.Span("job 1", "internal")
	if s == nil || s.Name != "app.job" {
		t.Fatalf("Span = %v, want app.job", s)
	}
	if u := s.Uses["app.priority"]; !u.Required || u.Type != "int" || !slices.Equal(u.Values, []string{"1", "2"}) {
		t.Errorf("app.priority is %+v, want an int that is 1 or 2", u)
	}
	if u := s.Uses["penstock.attempt"]; u.Type != "int" || u.Required {
		t.Errorf("penstock.attempt is %+v, want the definition of Penstock", u)
	}
	if u := s.Uses["cloud.region"]; u.Type != contract.Any {
		t.Errorf("cloud.region is %+v, want any type", u)
	}
	if got := r.Span("Search attempt", "internal"); got == nil || got.Name != "penstock.attempt" {
		t.Errorf("Span = %v, want penstock.attempt", got)
	}
}
