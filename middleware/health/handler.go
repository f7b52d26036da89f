// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Liveness returns a handler that answers 200, because the process is alive. It
// does not ask the backend: a restart of the process would not mend the backend.
func Liveness() http.Handler {
	return answering(func(context.Context) report { return report{Status: Up} })
}

// Readiness returns a handler that asks all checks at once. It answers 200 if all
// of them are ready, and 503 if not. The body is a small JSON document:
//
//	{"status":"down","checks":[{"name":"milvus","status":"down",
//	  "error_type":"connect_error","since":"2026-01-02T15:04:05Z"}]}
//
// The body has the type of an error and never its text, which may hold secrets. A
// check has 5 s to answer. Requests that come while a check is asked wait for the
// same answer. since is the time when this handler last saw the status of the check
// change.
func Readiness(checks ...Check) http.Handler {
	all := make([]*watched, len(checks))
	for i, c := range checks {
		all[i] = &watched{name: c.Name, ask: Cached(0, c.Ask)}
	}
	return answering(func(ctx context.Context) report {
		body := report{Status: Up, Checks: make([]result, len(all))}
		var wg sync.WaitGroup
		for i, c := range all {
			wg.Go(func() { body.Checks[i] = c.result(ctx) })
		}
		wg.Wait()
		if slices.ContainsFunc(body.Checks, func(r result) bool { return r.Status != Up }) {
			body.Status = Down
		}
		return body
	})
}

type report struct {
	Status string   `json:"status"`
	Checks []result `json:"checks,omitempty"`
}

type result struct {
	Name      string    `json:"name"`
	Status    string    `json:"status"`
	ErrorType string    `json:"error_type,omitempty"`
	Since     time.Time `json:"since,omitzero"`
}

// watched is a check with its last result.
type watched struct {
	name string
	ask  func(context.Context) error

	mu   sync.Mutex
	last result // guarded by mu
}

// result asks the check.
func (c *watched) result(ctx context.Context) result {
	now := result{Name: c.name, Status: Up}
	if err := c.ask(ctx); err != nil {
		now.Status, now.ErrorType = Down, core.ErrorType(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return now // the request has ended, which says nothing about the check
	}
	now.Since = c.last.Since
	if now.Status != c.last.Status {
		now.Since = time.Now().UTC()
	}
	c.last = now
	return now
}

// answering returns a handler that answers GET and HEAD with what ask returns.
func answering(ask func(context.Context) report) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		body := ask(r.Context())
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if body.Status != Up {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(body) // an error means that the client has gone
	})
}
