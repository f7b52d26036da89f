// SPDX-License-Identifier: Apache-2.0

package real

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/penstock-go/penstock/internal/servers"
)

// pages is the folder of the documents.
const pages = "../../../docs"

// read decodes a YAML file of docs.
func read(t *testing.T, name string, into any) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(pages, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// run runs a program in dir, and fails the test if the program does.
func run(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
}

func TestPromtoolAcceptsTheAlerts(t *testing.T) {
	promtool := servers.Promtool(t)
	run(t, filepath.Join(pages, "alerts"), promtool, "check", "rules", "penstock.yaml")
	run(t, filepath.Join(pages, "alerts"), promtool, "test", "rules", "penstock_test.yaml")
}

func TestEachAlertHasItsCasesAndItsRunbook(t *testing.T) {
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert string }
		}
	}
	read(t, "alerts/penstock.yaml", &rules)
	var cases struct {
		Tests []struct {
			Rules []struct {
				Alert    string `yaml:"alertname"`
				Expected []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	read(t, "alerts/penstock_test.yaml", &cases)
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, c := range cases.Tests {
		for _, r := range c.Rules {
			if len(r.Expected) > 0 {
				fires[r.Alert] = true
			} else {
				quiet[r.Alert] = true
			}
		}
	}
	page, err := os.ReadFile(filepath.Join(pages, "alerts", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if !fires[r.Alert] || !quiet[r.Alert] {
				t.Errorf("%s: a case in which it fires: %v, one in which it is quiet: %v", r.Alert, fires[r.Alert], quiet[r.Alert])
			}
			if !bytes.Contains(page, []byte("\n## "+r.Alert+"\n")) {
				t.Errorf("%s has no paragraph in docs/alerts/README.md", r.Alert)
			}
		}
	}
}

// service is a service of the compose file.
type service struct {
	Command     any // a list, or one string
	Environment map[string]string
	Volumes     []string
}

func TestTheServersLoadTheFilesOfTheComposeFile(t *testing.T) {
	var compose struct{ Services map[string]service }
	read(t, "compose/compose.yaml", &compose)

	t.Run("mounts", func(t *testing.T) {
		for name, s := range compose.Services {
			for _, v := range s.Volumes {
				from, _, _ := strings.Cut(v, ":")
				if !strings.HasPrefix(from, ".") {
					continue // a volume with a name
				}
				if _, err := os.Stat(filepath.Join(pages, "compose", from)); err != nil {
					t.Errorf("%s mounts what is not there: %v", name, err)
				}
			}
		}
	})
	t.Run("Milvus", func(t *testing.T) {
		// TestATraceGoesOnFromTheAttemptDownToTheIndex starts a Milvus with these.
		for name, want := range servers.MilvusTracing("jaeger:4317") {
			if got := compose.Services["milvus"].Environment[name]; got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
	t.Run("Jaeger", func(t *testing.T) {
		run(t, filepath.Join(pages, "compose"), servers.JaegerBinary(t), "validate", "--config", "jaeger.yaml")
		ui, err := os.ReadFile(filepath.Join(pages, "compose", "jaeger-ui.json"))
		if err != nil || !json.Valid(ui) {
			t.Errorf("jaeger-ui.json is no JSON: %v", err)
		}
	})
	t.Run("Prometheus", func(t *testing.T) {
		// As the compose file mounts them.
		dir := t.TempDir()
		for from, to := range map[string]string{"compose/prometheus.yml": "prometheus.yml", "alerts/penstock.yaml": "rules/penstock.yaml"} {
			content, err := os.ReadFile(filepath.Join(pages, from))
			if err != nil {
				t.Fatal(err)
			}
			to = filepath.Join(dir, to)
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		run(t, dir, servers.Promtool(t), "check", "config", "prometheus.yml")
	})
	t.Run("Grafana", func(t *testing.T) {
		var sources struct {
			Datasources []struct{ Type, UID, URL string }
		}
		read(t, "compose/grafana/datasources.yaml", &sources)
		var types []string
		for _, s := range sources.Datasources {
			types = append(types, s.Type)
			if name := strings.TrimPrefix(s.URL, "http://"); compose.Services[strings.Split(name, ":")[0]].Command == nil {
				t.Errorf("the data source %s asks %s, which is no service of the compose file", s.UID, s.URL)
			}
		}
		if want := []string{"prometheus", "jaeger"}; !slices.Equal(types, want) {
			t.Errorf("data sources %q, want %q", types, want)
		}
		dashboards, err := filepath.Glob(filepath.Join(pages, "grafana", "*.json"))
		if err != nil || len(dashboards) != 3 {
			t.Fatalf("%d dashboards, %v, want 3", len(dashboards), err)
		}
		for _, name := range dashboards {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var d struct {
				UID, Title string
				Panels     []any
			}
			if err := json.Unmarshal(content, &d); err != nil || d.UID == "" || d.Title == "" || len(d.Panels) == 0 {
				t.Errorf("%s is no dashboard: %v, %+v", filepath.Base(name), err, d)
			}
		}
	})
}
