// SPDX-License-Identifier: Apache-2.0

// Package jaeger diagnoses a service from its traces. It sees the query API of Jaeger
// and nothing else.
package jaeger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Client reads the query API of a Jaeger. It is safe for concurrent use.
type Client struct {
	base string
	http *http.Client
}

// NewClient returns a client of the Jaeger at base, such as "http://localhost:16686".
func NewClient(base string) *Client {
	// The environment's proxy is not for a server on this machine.
	return &Client{base: base, http: &http.Client{Transport: &http.Transport{}}}
}

// ErrNoTrace is returned for the id of a trace that Jaeger does not have.
var ErrNoTrace = errors.New("jaeger: there is no such trace")

// Search says which traces to find. Only Service, Begin and End are required.
type Search struct {
	Service    string
	Begin, End time.Time // of the first span
	// Limit is the greatest number of traces. Zero is 20,000, more than any service
	// of the lab has.
	Limit int
	// Operation is the name of a span that the trace has.
	Operation string
	// Tags are attributes that one span of the trace has all of.
	Tags map[string]string
	// MinDuration is how long that span took at least.
	MinDuration time.Duration
}

// Traces returns the traces that have a span of the service.
func (c *Client) Traces(ctx context.Context, s Search) ([]Trace, error) {
	if s.Limit == 0 {
		s.Limit = 20_000
	}
	query := url.Values{
		"service": {s.Service},
		"start":   {strconv.FormatInt(s.Begin.UnixMicro(), 10)},
		"end":     {strconv.FormatInt(s.End.UnixMicro(), 10)},
		"limit":   {strconv.Itoa(s.Limit)},
	}
	if s.Operation != "" {
		query.Set("operation", s.Operation)
	}
	if s.MinDuration > 0 {
		query.Set("minDuration", s.MinDuration.String())
	}
	if len(s.Tags) > 0 {
		tags, err := json.Marshal(s.Tags)
		if err != nil {
			return nil, fmt.Errorf("jaeger: tags: %w", err)
		}
		query.Set("tags", string(tags))
	}
	return c.get(ctx, "/api/traces?"+query.Encode())
}

// Trace returns the trace of that id, 32 hex digits, or ErrNoTrace.
func (c *Client) Trace(ctx context.Context, id string) (Trace, error) {
	traces, err := c.get(ctx, "/api/traces/"+url.PathEscape(id))
	switch {
	case err != nil:
		return Trace{}, err
	case len(traces) == 0:
		return Trace{}, ErrNoTrace
	default:
		return traces[0], nil
	}
}

func (c *Client) get(ctx context.Context, path string) ([]Trace, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, fmt.Errorf("jaeger: %w", err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("jaeger: %w", err)
	}
	defer res.Body.Close() // only read
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, nil
	default:
		text, _ := io.ReadAll(io.LimitReader(res.Body, 512)) // for the error; may be cut
		return nil, fmt.Errorf("jaeger: GET %s: %s: %s", path, res.Status, text)
	}
	var answer struct {
		Data []traceJSON `json:"data"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("jaeger: GET %s: %w", path, err)
	}
	traces := make([]Trace, len(answer.Data))
	for i := range answer.Data {
		traces[i] = answer.Data[i].trace()
	}
	return traces, nil
}
