// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/health"
)

// Readiness is the body of /readyz, and of /livez without the clients. Whether the process
// is ready and how its clients are doing are two things: a load balancer acts on Ready, and
// a client whose operations fail does not make the process unready while its health gate is
// open. The body has types of errors and never their texts, which may hold secrets.
type Readiness struct {
	Status  string        `json:"status"` // "up" or "down"
	Clients []ClientReady `json:"clients,omitempty"`
	Checks  []CheckReady  `json:"checks,omitempty"`
}

// ClientReady is one client in a [Readiness].
type ClientReady struct {
	Name  string `json:"name"`
	Ready bool   `json:"ready"`
	// What is observed, see Summary.
	Health   string  `json:"health"`
	Why      string  `json:"why,omitempty"`
	Breaker  string  `json:"breaker_state,omitempty"`
	Gate     string  `json:"gate_state,omitempty"`
	Rate     float64 `json:"rate"`
	Failed   float64 `json:"failed"`
	Rejected float64 `json:"rejected"`
}

// CheckReady is one check of Config.Ready.
type CheckReady struct {
	Name      string `json:"name"`
	Ready     bool   `json:"ready"`
	ErrorType string `json:"error_type,omitempty"`
}

// live answers that the process lives. It asks no backend: a restart of the process would
// not mend it.
func (a *Admin) live(w http.ResponseWriter, r *http.Request) {
	a.report(w, r, Readiness{Status: health.Up})
}

func (a *Admin) ready(w http.ResponseWriter, r *http.Request) {
	a.report(w, r, a.Ready(r.Context()))
}

// Ready returns whether the process is ready: the health gate of each client is open, no
// client was drained, and each check of Config.Ready returns nil.
func (a *Admin) Ready(ctx context.Context) Readiness {
	body := Readiness{Status: health.Up, Checks: make([]CheckReady, len(a.checks))}
	var wg sync.WaitGroup
	for i, c := range a.checks {
		wg.Go(func() {
			body.Checks[i] = CheckReady{Name: c.Name, Ready: true}
			if err := c.Ask(ctx); err != nil {
				body.Checks[i].Ready, body.Checks[i].ErrorType = false, core.ErrorType(err)
			}
		})
	}
	wg.Wait()
	for _, c := range body.Checks {
		if !c.Ready {
			body.Status = health.Down
		}
	}
	for _, s := range a.clients.summarize(time.Now()) {
		c := ClientReady{
			Name: s.ID, Ready: s.Status != "closed" && s.Gate != health.Down, Health: s.Status, Why: s.Why,
			Breaker: s.Breaker, Gate: s.Gate, Rate: s.Rate, Failed: s.Failed, Rejected: s.Rejected,
		}
		if !c.Ready {
			body.Status = health.Down
		}
		body.Clients = append(body.Clients, c)
	}
	return body
}

// report answers with JSON, or with lines of text for who asks for text.
func (a *Admin) report(w http.ResponseWriter, r *http.Request, body Readiness) {
	status := http.StatusOK
	if body.Status != health.Up {
		status = http.StatusServiceUnavailable
	}
	if !strings.HasPrefix(r.Header.Get("Accept"), "text/plain") {
		writeJSON(w, status, body)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, body.text())
}

// text returns a line for the whole and one for each client and check.
func (r *Readiness) text() string {
	var b strings.Builder
	line := func(ready bool, format string, args ...any) {
		mark := map[bool]string{true: "ready    ", false: "not ready"}[ready]
		fmt.Fprintf(&b, mark+"  "+format+"\n", args...)
	}
	fmt.Fprintln(&b, r.Status)
	for _, c := range r.Clients {
		seen := c.Health
		if c.Why != "" {
			seen += ": " + c.Why
		}
		line(c.Ready, "client %s  health %s", c.Name, seen)
	}
	for _, c := range r.Checks {
		line(c.Ready, "check %s  %s", c.Name, c.ErrorType)
	}
	return b.String()
}
