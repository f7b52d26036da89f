// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// PrometheusConfig has the settings of a Prometheus. The zero value is ready to use.
type PrometheusConfig struct {
	// ScrapeInterval is the time between two scrapes of a target, and between two
	// evaluations of a rule. Default 1 s.
	ScrapeInterval time.Duration
	// Rules are the paths of files of alerting and recording rules.
	Rules []string
}

// Target is a program that Prometheus scrapes at http://Addr/metrics.
type Target struct {
	Addr   string            // host:port
	Labels map[string]string // put on all series of the target, beside job and instance
}

// Prometheus is a real Prometheus of one test, with storage for exemplars. Its
// methods are safe for concurrent use.
type Prometheus struct {
	addr string
	http *http.Client
	ctx  context.Context
	proc *process

	mu      sync.Mutex // guards the field below, and the file of targets
	targets []Target
	file    string // path of the file of targets
}

// StartPrometheus starts an empty Prometheus that scrapes the targets, and returns
// when it answers. [Prometheus.Scrape] adds targets later. The end of the test ends
// the server. If Prometheus is not installed, the test is skipped; with
// PENSTOCK_REQUIRE_REAL=1 it fails.
func StartPrometheus(t testing.TB, cfg PrometheusConfig, targets ...Target) *Prometheus {
	t.Helper()
	install, err := prometheusInstall()
	if err != nil {
		skipOrFail(t, err)
	}
	p := &Prometheus{http: newHTTP(t)}
	var died *diedError
	for range 2 {
		var c command
		c, err = p.command(install, t.TempDir(), cfg)
		if err == nil {
			err = p.Scrape(targets...)
		}
		if err != nil {
			t.Fatal(err)
		}
		p.proc, err = ready(t, c, p.ask)
		// Another process may have taken the port since freePorts; one more try is
		// enough.
		if !errors.As(err, &died) || !died.portTaken() {
			break
		}
		p.targets = nil
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	p.ctx = ctx
	end := guard(t, p.proc, cancel)
	t.Cleanup(func() {
		end()
		cancel(nil)
	})
	return p
}

// Promtool returns the path of promtool. If it is not installed, the test is
// skipped; with PENSTOCK_REQUIRE_REAL=1 it fails.
func Promtool(t testing.TB) string {
	t.Helper()
	install, err := prometheusInstall()
	if err != nil {
		skipOrFail(t, err)
	}
	return filepath.Join(install, "promtool")
}

// URL returns the base URL of the UI and of the API ("/api/v1/query"), without a
// path.
func (p *Prometheus) URL() string { return "http://" + p.addr }

// PID returns the id of the server's process.
func (p *Prometheus) PID() int { return p.proc.pid }

// Context returns the test's context. It ends too if the server dies by itself, with
// the reason as its cause.
func (p *Prometheus) Context() context.Context { return p.ctx }

// Scrape adds targets. Prometheus reads new targets every five seconds at most;
// [Prometheus.Scraped] waits for their first scrape.
func (p *Prometheus) Scrape(targets ...Target) error {
	type group struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels,omitempty"`
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.targets = append(p.targets, targets...)
	groups := []group{}
	for _, t := range p.targets {
		groups = append(groups, group{[]string{t.Addr}, t.Labels})
	}
	text, err := json.Marshal(groups)
	if err != nil {
		return fmt.Errorf("targets of Prometheus: %w", err)
	}
	// Renamed, because Prometheus may read the file at any time.
	if err := os.WriteFile(p.file+".new", text, 0o600); err != nil {
		return fmt.Errorf("targets of Prometheus: %w", err)
	}
	return os.Rename(p.file+".new", p.file)
}

// Scraped waits until the target of that address was scraped after the call of
// Scraped began, and the scrape succeeded: everything that the target had measured
// by then can be queried. If ctx has no deadline, Scraped waits 30 seconds at most.
func (p *Prometheus) Scraped(ctx context.Context, addr string) error {
	begin := time.Now()
	err := p.Until(ctx, func(ctx context.Context) error {
		var answer struct {
			Active []struct {
				URL   string    `json:"scrapeUrl"`
				Last  time.Time `json:"lastScrape"`
				Error string    `json:"lastError"`
			} `json:"activeTargets"`
		}
		if err := p.Get(ctx, "/api/v1/targets", nil, &answer); err != nil {
			return err
		}
		for _, t := range answer.Active {
			if t.URL != "http://"+addr+"/metrics" {
				continue
			}
			// Last is when the scrape began, and is set after its samples are stored.
			if t.Error == "" && !t.Last.Before(begin) {
				return nil
			}
			return fmt.Errorf("last scraped at %v, error %q", t.Last, t.Error)
		}
		return errors.New("no such target")
	})
	if err != nil {
		return fmt.Errorf("scrape of %s: %w", addr, err)
	}
	return nil
}

// Until calls ask until it returns nil. It returns an error if ctx ends first or if
// Prometheus dies. If ctx has no deadline, Until waits 30 seconds at most.
func (p *Prometheus) Until(ctx context.Context, ask func(context.Context) error) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, traceWithin, fmt.Errorf("not there within %v", traceWithin))
		defer cancel()
	}
	return p.proc.until(ctx, ask)
}

// Sample is one value of a series.
type Sample struct {
	Labels map[string]string // the name of the metric is __name__
	Time   time.Time
	Value  float64
}

// Query evaluates the PromQL expression at that time, zero for now. The expression
// must yield an instant vector. Samples are in Prometheus' order.
func (p *Prometheus) Query(ctx context.Context, expr string, at time.Time) ([]Sample, error) {
	args := url.Values{"query": {expr}}
	if !at.IsZero() {
		args.Set("time", seconds(at))
	}
	var answer struct {
		Type   string `json:"resultType"`
		Result []struct {
			Metric map[string]string `json:"metric"`
			Value  [2]any            `json:"value"`
		} `json:"result"`
	}
	if err := p.Get(ctx, "/api/v1/query", args, &answer); err != nil {
		return nil, fmt.Errorf("query %s: %w", expr, err)
	}
	if answer.Type != "vector" {
		return nil, fmt.Errorf("query %s: it yields a %s, want a vector", expr, answer.Type)
	}
	samples := make([]Sample, 0, len(answer.Result))
	for _, r := range answer.Result {
		stamp, text := fmt.Sprint(r.Value[0]), fmt.Sprint(r.Value[1])
		when, err1 := strconv.ParseFloat(stamp, 64)
		value, err2 := strconv.ParseFloat(text, 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("query %s: %w", expr, err)
		}
		samples = append(samples, Sample{r.Metric, time.UnixMilli(int64(when * 1000)), value})
	}
	return samples, nil
}

// Exemplar is a measurement that leads from a series to a trace.
type Exemplar struct {
	Series map[string]string // labels of the series
	Labels map[string]string // trace_id and span_id
	Value  string
}

// Exemplars returns the exemplars between the two times of the series that the
// selectors in the PromQL expression select.
func (p *Prometheus) Exemplars(ctx context.Context, expr string, from, to time.Time) ([]Exemplar, error) {
	var answer []struct {
		Series    map[string]string `json:"seriesLabels"`
		Exemplars []struct {
			Labels map[string]string `json:"labels"`
			Value  string            `json:"value"`
		} `json:"exemplars"`
	}
	args := url.Values{"query": {expr}, "start": {seconds(from)}, "end": {seconds(to)}}
	if err := p.Get(ctx, "/api/v1/query_exemplars", args, &answer); err != nil {
		return nil, fmt.Errorf("exemplars of %s: %w", expr, err)
	}
	var all []Exemplar
	for _, series := range answer {
		for _, e := range series.Exemplars {
			all = append(all, Exemplar{series.Series, e.Labels, e.Value})
		}
	}
	return all, nil
}

// Get decodes the field "data" of the API's JSON answer to GET path. A number in a
// field of type any is a json.Number.
func (p *Prometheus) Get(ctx context.Context, path string, args url.Values, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if len(args) > 0 {
		path += "?" + args.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL()+path, nil)
	if err != nil {
		return err
	}
	answer := struct {
		Data any `json:"data"`
	}{into}
	return do(p.http, req, &answer)
}

// ask returns nil if Prometheus is ready.
func (p *Prometheus) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL()+"/-/ready", nil)
	if err != nil {
		return err
	}
	return do(p.http, req, io.Discard)
}

// command writes the configuration of a server into dir, with a free port, and sets
// the address and the file of targets in p.
func (p *Prometheus) command(install, dir string, cfg PrometheusConfig) (command, error) {
	ports, err := freePorts("127.0.0.1", 1)
	if err != nil {
		return command{}, fmt.Errorf("lay out Prometheus: %w", err)
	}
	p.addr, p.file = local(ports[0]), filepath.Join(dir, "targets.json")
	every := cmp.Or(cfg.ScrapeInterval, time.Second).Milliseconds()
	rules, err := json.Marshal(cfg.Rules) // JSON is YAML
	if err != nil {
		return command{}, fmt.Errorf("lay out Prometheus: %w", err)
	}
	config := fmt.Sprintf(`global:
  scrape_interval: %dms
  scrape_timeout: %dms
  evaluation_interval: %dms
rule_files: %s
scrape_configs:
  - job_name: test
    file_sd_configs:
      - files: [%q]
        refresh_interval: 1s
`, every, every, every, rules, p.file)
	path := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return command{}, fmt.Errorf("lay out Prometheus: %w", err)
	}
	return command{
		name: "Prometheus",
		dir:  dir,
		env:  []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir},
		path: filepath.Join(install, "prometheus"),
		args: strings.Fields("--enable-feature=exemplar-storage --log.level=warn" +
			" --config.file=prometheus.yml --storage.tsdb.path=data --web.listen-address=" + p.addr),
	}, nil
}

func seconds(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }
