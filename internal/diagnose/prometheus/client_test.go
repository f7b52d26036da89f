// SPDX-License-Identifier: Apache-2.0

package prometheus_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/diagnose/prometheus"
)

// server answers every request, and keeps the form of the last one.
func server(t *testing.T, text string) (*prometheus.Client, *url.Values) {
	t.Helper()
	last := new(url.Values)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		*last = r.Form
		last.Set("path", r.URL.Path)
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(s.Close)
	return prometheus.NewClient(s.URL), last
}

func TestAQueryHasAValueForEachSeries(t *testing.T) {
	c, last := server(t, `{"status":"success","data":{"resultType":"vector","result":[
		{"metric":{"__name__":"up","job":"svc-1"},"value":[12.5,"1"]},{"metric":{"job":"svc-2"},"value":[12.5,"+Inf"]}]}}`)
	results, err := c.Query(t.Context(), `up{job=~"svc.*"}`, time.UnixMilli(12500))
	if err != nil || len(results) != 2 {
		t.Fatalf("Query = %v, %v, want two results", results, err)
	}
	if r := results[0]; r.Series["job"] != "svc-1" || len(r.Samples) != 1 || r.Samples[0] != (prometheus.Sample{Time: time.UnixMilli(12500), Value: 1}) {
		t.Errorf("the first result is %+v", r)
	}
	if last.Get("path") != "/api/v1/query" || last.Get("query") != `up{job=~"svc.*"}` || last.Get("time") != "12.500" {
		t.Errorf("asked %v", last)
	}
}

func TestAScalarIsAResultWithoutLabels(t *testing.T) {
	c, _ := server(t, `{"status":"success","data":{"resultType":"scalar","result":[1,"42"]}}`)
	if results, err := c.Query(t.Context(), "42", time.Unix(1, 0)); err != nil || len(results) != 1 || results[0].Samples[0].Value != 42 {
		t.Errorf("Query = %v, %v, want 42", results, err)
	}
}

func TestARangeHasManyValues(t *testing.T) {
	c, last := server(t, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"a"},"values":[[1,"1"],[2,"3"]]}]}}`)
	results, err := c.QueryRange(t.Context(), "x", time.Unix(1, 0), time.Unix(2, 0), 500*time.Millisecond)
	if err != nil || len(results) != 1 || len(results[0].Samples) != 2 || results[0].Samples[1].Value != 3 {
		t.Errorf("QueryRange = %v, %v, want two samples", results, err)
	}
	if last.Get("start") != "1.000" || last.Get("end") != "2.000" || last.Get("step") != "0.5" {
		t.Errorf("asked %v", last)
	}
}

func TestSeriesAreFoundByASelector(t *testing.T) {
	c, last := server(t, `{"status":"success","data":[{"__name__":"up","job":"a"}]}`)
	series, err := c.Series(t.Context(), `up{job="a"}`, time.Unix(1, 0), time.Unix(2, 0))
	if err != nil || len(series) != 1 || series[0]["__name__"] != "up" {
		t.Errorf("Series = %v, %v, want up", series, err)
	}
	if last.Get("match[]") != `up{job="a"}` {
		t.Errorf("asked %v", last)
	}
}

func TestAnErrorOfPrometheusIsAnError(t *testing.T) {
	c, _ := server(t, `{"status":"error","errorType":"bad_data","error":"parse error"}`)
	if _, err := c.Query(t.Context(), "(", time.Unix(1, 0)); err == nil || !strings.Contains(err.Error(), "parse error") {
		t.Errorf("Query = %v, want what Prometheus says", err)
	}
}
