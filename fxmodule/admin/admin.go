// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/middleware/health"
)

// Config configures an [Admin]. The zero value shows everything, allows no action, and
// listens on a free port of the loopback interface.
type Config struct {
	// Address is where [Admin.Listen] listens. Default "127.0.0.1:0". Another interface
	// than loopback needs Tokens.
	Address string
	// Hosts are the names by which the page is reached, beside IP addresses and
	// localhost: a request for another host is refused, because a page of a stranger may
	// have sent it.
	Hosts []string
	// Tokens allow actions. Without tokens there are no actions, and only this machine may
	// look.
	Tokens []Token
	// Service and Version name the process. Default the name of the executable, and the
	// version of its main module.
	Service, Version string
	// TraceURL is the address of a trace, with {trace_id} in it, such as
	// "http://localhost:16686/trace/{trace_id}". Optional.
	TraceURL string
	// SlowAfter is how long an operation takes at least to be shown as slow. Zero is three
	// times the 99th percentile of the 5 s before.
	SlowAfter time.Duration
	// Ready are further checks for /readyz, beside the health gates of the clients.
	Ready []health.Check
	// Reload is what the action "reload" does. It has 30 s. Nil is no such action.
	Reload Reload
	// MaxStreams is how many pages may look at once. Default 16.
	MaxStreams int
	// Logger is told of each action and of refused tokens. Nil discards that.
	Logger *slog.Logger
}

// Token allows its holder to act.
type Token struct {
	// By is who holds the token, for the log.
	By string
	// Secret is the token itself, 16 characters or more.
	Secret string `json:"-"`
}

// String hides the secret.
func (t Token) String() string { return fmt.Sprintf("token of %q", t.By) }

// GoString hides the secret.
func (t Token) GoString() string { return t.String() }

const (
	leastSecret = 16
	mostStreams = 16
)

// Admin shows clients, and acts on them. It is an http.Handler and a penstock.Watcher: give
// it to each client in penstock.Config.Watchers. It is made by [New], and safe for
// concurrent use.
type Admin struct {
	cfg     Config
	started time.Time
	clients clients
	mux     http.Handler
	streams streams
	refused allowance
	checks  []health.Check  // of Config.Ready; an answer is used again for a second
	open    context.Context // ends with Close
	stop    context.CancelFunc
	acting  *acting

	mu       sync.Mutex // guards what follows
	server   *http.Server
	listener net.Listener
	ended    chan struct{} // closed when the server has ended
}

// New returns an Admin that does not listen. The error names all that is wrong with cfg.
func New(cfg Config) (*Admin, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("admin: "+format, args...)) }
	for i, t := range cfg.Tokens {
		switch {
		case t.Secret == "":
			fault("Tokens[%d] is empty: set its Secret, such as the output of openssl rand -hex 32, or leave Tokens out for a page without actions", i)
		case len(t.Secret) < leastSecret:
			fault("Tokens[%d] has %d characters: set a Secret of %d or more, such as the output of openssl rand -hex 32", i, len(t.Secret), leastSecret)
		}
		if t.By == "" {
			fault("Tokens[%d] has no By: name its holder, for the log of actions", i)
		}
	}
	cfg.Address = cmp.Or(cfg.Address, "127.0.0.1:0")
	checkAddress(cfg.Address, len(cfg.Tokens) > 0, fault)
	if cfg.TraceURL != "" && !strings.Contains(cfg.TraceURL, "{trace_id}") {
		fault("TraceURL %q has no {trace_id}: put it where the id of a trace stands", cfg.TraceURL)
	}
	if cfg.TraceURL != "" && !strings.HasPrefix(cfg.TraceURL, "http://") && !strings.HasPrefix(cfg.TraceURL, "https://") {
		fault("TraceURL %q is no address of a page: begin it with http:// or https://", cfg.TraceURL)
	}
	if cfg.SlowAfter < 0 {
		fault("SlowAfter is %v, want 0 (by the 99th percentile) or more", cfg.SlowAfter)
	}
	if cfg.MaxStreams < 0 {
		fault("MaxStreams is %d, want 0 (the default, %d) or more", cfg.MaxStreams, mostStreams)
	}
	for i, c := range cfg.Ready {
		if c.Ask == nil {
			fault("Ready[%d] %q has no Ask: set the function that checks", i, c.Name)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	cfg.MaxStreams = cmp.Or(cfg.MaxStreams, mostStreams)
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	cfg.Service = cmp.Or(cfg.Service, filepath.Base(os.Args[0]))
	if info, ok := debug.ReadBuildInfo(); ok && cfg.Version == "" {
		cfg.Version = info.Main.Version
	}
	a := &Admin{cfg: cfg, started: time.Now(), acting: newActing()}
	a.open, a.stop = context.WithCancel(context.Background())
	for _, c := range cfg.Ready {
		a.checks = append(a.checks, health.Check{Name: c.Name, Ask: health.Cached(time.Second, c.Ask)})
	}
	a.mux = a.routes()
	return a, nil
}

var _ penstock.Watcher = (*Admin)(nil)

// Watch implements penstock.Watcher: a client that is made with the Admin among its
// watchers is shown from then on, until it is closed.
func (a *Admin) Watch(string) penstock.Watch {
	c := newCollector(a.cfg.SlowAfter, a.changed)
	var w atomic.Pointer[watched]
	return penstock.Watch{
		Observer: c,
		Made:     func(client penstock.Inspected) { w.Store(a.clients.add(client, c)) },
		Closed:   func() { a.clients.remove(w.Load()) },
	}
}

// changed wakes the streams, after a breaker or a gate changed its state.
func (a *Admin) changed() {
	if a.streams.any() {
		a.clients.stale.Store(true)
		a.streams.nudge()
	}
}

func (a *Admin) service() Service {
	return Service{Name: a.cfg.Service, Version: a.cfg.Version, Started: a.started.UTC(), Go: runtime.Version()}
}

// state describes everything but the clients.
func (a *Admin) state(at time.Time) State {
	return State{
		At: at.UTC(), Service: a.service(), Actions: len(a.cfg.Tokens) > 0, Reload: a.cfg.Reload != nil,
		TraceURL: a.cfg.TraceURL, Clients: []Client{},
	}
}
