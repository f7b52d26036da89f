// SPDX-License-Identifier: Apache-2.0

// Package prometheus diagnoses a service from its metrics. It sees the HTTP API of
// Prometheus and nothing else.
package prometheus

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client reads the HTTP API of a Prometheus. It is safe for concurrent use.
type Client struct {
	base string
	http *http.Client
}

// NewClient returns a client of the Prometheus at base, such as "http://localhost:9090".
func NewClient(base string) *Client {
	// The environment's proxy is not for a server on this machine.
	return &Client{base: base, http: &http.Client{Transport: &http.Transport{}}}
}

// Series are the labels of a series, its name as __name__ among them.
type Series map[string]string

// Sample is a value at a time.
type Sample struct {
	Time  time.Time
	Value float64
}

// Result is a series and its samples.
type Result struct {
	Series  Series
	Samples []Sample // one for a query at one time
}

// Query returns the value of an expression at a time. A scalar is one result without
// labels.
func (c *Client) Query(ctx context.Context, expression string, at time.Time) ([]Result, error) {
	return c.results(ctx, "/api/v1/query", url.Values{"query": {expression}, "time": {seconds(at)}})
}

// QueryRange returns the values of an expression from begin to end.
func (c *Client) QueryRange(ctx context.Context, expression string, begin, end time.Time, step time.Duration) ([]Result, error) {
	return c.results(ctx, "/api/v1/query_range", url.Values{
		"query": {expression}, "start": {seconds(begin)}, "end": {seconds(end)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	})
}

// Series returns the series that match a selector, such as `up{job="svc-1"}`, and have a
// sample between begin and end.
func (c *Client) Series(ctx context.Context, selector string, begin, end time.Time) ([]Series, error) {
	var found []Series
	err := c.get(ctx, "/api/v1/series", url.Values{"match[]": {selector}, "start": {seconds(begin)}, "end": {seconds(end)}}, &found)
	return found, err
}

func seconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
}

func (c *Client) results(ctx context.Context, path string, query url.Values) ([]Result, error) {
	var data struct {
		Type   string          `json:"resultType"`
		Result json.RawMessage `json:"result"`
	}
	if err := c.get(ctx, path, query, &data); err != nil {
		return nil, err
	}
	if data.Type == "scalar" {
		var one sampleJSON
		if err := json.Unmarshal(data.Result, &one); err != nil {
			return nil, fmt.Errorf("prometheus: %s: %w", query.Get("query"), err)
		}
		return []Result{{Samples: []Sample{Sample(one)}}}, nil
	}
	var series []struct {
		Metric Series       `json:"metric"`
		Value  *sampleJSON  `json:"value"`
		Values []sampleJSON `json:"values"`
	}
	if err := json.Unmarshal(data.Result, &series); err != nil {
		return nil, fmt.Errorf("prometheus: %s: %w", query.Get("query"), err)
	}
	results := make([]Result, len(series))
	for i, s := range series {
		results[i].Series = s.Metric
		if s.Value != nil {
			s.Values = append(s.Values, *s.Value)
		}
		for _, v := range s.Values {
			results[i].Samples = append(results[i].Samples, Sample(v))
		}
	}
	return results, nil
}

// sampleJSON is a sample as [seconds, "value"].
type sampleJSON Sample

func (s *sampleJSON) UnmarshalJSON(text []byte) error {
	var at float64
	var value string
	if err := json.Unmarshal(text, &[]any{&at, &value}); err != nil {
		return err
	}
	n, err := strconv.ParseFloat(value, 64)
	*s = sampleJSON{Time: time.UnixMilli(int64(at * 1000)), Value: n}
	return err
}

// get decodes the data of the answer to path. It posts, because an expression may be long.
func (c *Client) get(ctx context.Context, path string, query url.Values, data any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, strings.NewReader(query.Encode()))
	if err != nil {
		return fmt.Errorf("prometheus: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("prometheus: %w", err)
	}
	defer res.Body.Close() // only read
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("prometheus: POST %s: %w", path, err)
	}
	answer := struct {
		Status string `json:"status"`
		Error  string `json:"error"`
		Data   any    `json:"data"`
	}{Data: data}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("prometheus: POST %s: %s: %w", path, res.Status, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("prometheus: %s: %s", query.Encode(), answer.Error)
	}
	return nil
}
