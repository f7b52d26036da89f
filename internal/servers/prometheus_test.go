// SPDX-License-Identifier: Apache-2.0

package servers_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/servers"
)

const exposition = `# TYPE orders counter
orders_total{shop="a"} 3 # {trace_id="5b8efff798038103d269b633813fc60c"} 1
# EOF
`

// scrapeTarget serves one metric in the format OpenMetrics.
func scrapeTarget(t *testing.T) servers.Target {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
		fmt.Fprint(w, exposition)
	}))
	t.Cleanup(s.Close)
	return servers.Target{Addr: strings.TrimPrefix(s.URL, "http://"), Labels: map[string]string{"service": t.Name()}}
}

func TestPrometheusScrapesWhatItIsToldAlsoLater(t *testing.T) {
	first, second := scrapeTarget(t), scrapeTarget(t)
	second.Labels = map[string]string{"service": "second"}
	begin := time.Now()
	p := servers.StartPrometheus(t, servers.PrometheusConfig{}, first)
	t.Logf("Prometheus answered %v after StartPrometheus", time.Since(begin))
	if err := p.Scraped(p.Context(), first.Addr); err != nil {
		t.Fatal(err)
	}
	if err := p.Scrape(second); err != nil {
		t.Fatal(err)
	}
	if err := p.Scraped(p.Context(), second.Addr); err != nil {
		t.Fatal(err)
	}
	samples, err := p.Query(p.Context(), `sort(orders_total{service="second"})`, time.Time{})
	if err != nil || len(samples) != 1 || samples[0].Value != 3 || samples[0].Labels["shop"] != "a" || samples[0].Labels["instance"] != second.Addr {
		t.Errorf("Query = %+v, %v", samples, err)
	}
	if samples, err = p.Query(p.Context(), "sum(orders_total)", time.Time{}); err != nil || len(samples) != 1 || samples[0].Value != 6 {
		t.Errorf("Query of both = %+v, %v", samples, err)
	}
	if _, err := p.Query(p.Context(), "orders_total[1m", time.Time{}); err == nil || !strings.Contains(err.Error(), "parse error") {
		t.Errorf("Query of nonsense = %v, want Prometheus' reason", err)
	}
	exemplars, err := p.Exemplars(p.Context(), `orders_total{service="second"}`, begin, time.Now())
	if err != nil || len(exemplars) != 1 || exemplars[0].Labels["trace_id"] != "5b8efff798038103d269b633813fc60c" || exemplars[0].Series["shop"] != "a" {
		t.Errorf("Exemplars = %+v, %v", exemplars, err)
	}
	ctx, cancel := context.WithTimeout(p.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Scraped(ctx, "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "no such target") {
		t.Errorf("Scraped of an unknown target = %v", err)
	}
}

func TestPrometheusEvaluatesRules(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	text := "groups:\n  - name: test\n    rules:\n      - alert: AnyOrder\n        expr: orders_total > 0\n"
	if err := os.WriteFile(rules, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), servers.Promtool(t), "check", "rules", rules).CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v\n%s", err, out)
	}
	p := servers.StartPrometheus(t, servers.PrometheusConfig{Rules: []string{rules}}, scrapeTarget(t))
	err := p.Until(p.Context(), func(ctx context.Context) error {
		samples, err := p.Query(ctx, `ALERTS{alertname="AnyOrder",alertstate="firing"}`, time.Time{})
		if err == nil && len(samples) != 1 {
			err = fmt.Errorf("%d alerts fire", len(samples))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestPrometheusEndsWithItsTest(t *testing.T) {
	var pid int
	fake := run(t, func(t testing.TB) { pid = servers.StartPrometheus(t, servers.PrometheusConfig{}).PID() })
	switch {
	case fake.skipped != "":
		t.Skip(fake.skipped)
	case pid == 0:
		t.Fatal(fake.failed)
	}
	if !gone(pid) {
		t.Errorf("process %d outlived its test", pid)
	}
}
