// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contain"
)

// pause is the least time between two lookups.
const pause = time.Second

// lookups are the lookups of a balancer's hosts.
type lookups struct {
	run   func()
	every time.Duration // zero if no host is looked up

	mu    sync.Mutex // guards what follows
	timer *time.Timer
	last  time.Time // begin of the last lookup
	going *going    // the one that is under way, nil if there is none
	over  bool
}

// going is a lookup under way.
type going struct {
	done chan struct{}
	err  error // once done is closed
}

func (l *lookups) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.every > 0 && l.timer == nil && !l.over {
		l.timer = time.AfterFunc(l.every, l.run)
	}
}

// soon looks the hosts up at once, or when the pause since the last lookup is over.
func (l *lookups) soon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil && !l.over {
		l.timer.Reset(max(pause-time.Since(l.last), 0))
	}
}

func (l *lookups) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.timer != nil {
		l.timer.Stop()
	}
}

// again sets the timer for the next lookup.
func (l *lookups) again() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil && !l.over {
		l.timer.Reset(l.every)
	}
}

// initLookups prepares the lookups.
func (b *Balancer[C]) initLookups() {
	b.lookups.run = func() {
		b.lookups.again() // first, so that a failed dial can bring it forward
		b.lookUp()
	}
	if b.resolve {
		b.lookups.every = max(b.cfg.Detection.ResolveEvery, pause)
	}
}

// known returns the addresses that need no lookup. They are in use from the start, unless
// others have to be looked up.
func (b *Balancer[C]) known() (addresses []Address) {
	if b.resolve {
		return nil
	}
	for _, t := range b.targets {
		addresses = add(addresses, Address{net.JoinHostPort(t.host, t.port), t.host})
	}
	return addresses
}

// add adds an address, unless there is one like it.
func add(addresses []Address, a Address) []Address {
	if slices.ContainsFunc(addresses, func(other Address) bool { return other.HostPort == a.HostPort }) {
		return addresses
	}
	return append(addresses, a)
}

// resolved waits for the first lookup, if there was none.
func (b *Balancer[C]) resolved(ctx context.Context) error {
	if len(b.endpoints()) > 0 {
		return nil
	}
	if b.closer.Begun() {
		return b.errClosed()
	}
	ctx, cancel := context.WithTimeout(ctx, b.pingTimeout())
	defer cancel()
	defer b.lookups.begin()
	l := b.lookUp()
	if l == nil {
		return b.errClosed()
	}
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return &LookupError{Host: b.hosts(), Err: context.Cause(ctx)}
	}
}

// hosts returns the names of the hosts that are looked up.
func (b *Balancer[C]) hosts() string {
	var all []string
	for _, t := range b.targets {
		if t.dns {
			all = append(all, t.host)
		}
	}
	return strings.Join(all, ", ")
}

// lookUp begins a lookup of all hosts and returns it, or the one that is under way: there
// is but one at a time, so that one that hangs holds no others up, and no older answer
// replaces a newer one. It returns nil after Close.
func (b *Balancer[C]) lookUp() *going {
	l := &b.lookups
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over || l.going != nil {
		return l.going
	}
	this := &going{done: make(chan struct{})}
	l.last, l.going = time.Now(), this
	b.jobs.Go(func() {
		ctx, cancel := context.WithTimeout(b.ctx, b.pingTimeout())
		defer cancel()
		this.err = b.lookUpAll(ctx)
		close(this.done)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.going = nil
	})
	return this
}

// lookUpAll looks up all hosts and uses what it finds. If a lookup fails, the endpoints
// stay as they are.
func (b *Balancer[C]) lookUpAll(ctx context.Context) error {
	var (
		addresses []Address
		errs      []error
	)
	for _, t := range b.targets {
		if !t.dns {
			addresses = add(addresses, Address{net.JoinHostPort(t.host, t.port), t.host})
			continue
		}
		var (
			hosts []string
			err   = errors.New("LookupHost did not return")
		)
		contain.Apart("LookupHost", b.panicked, func() { hosts, err = b.cfg.LookupHost(ctx, t.host) })
		if err == nil && len(hosts) == 0 {
			err = errors.New("there is no address")
		}
		if err != nil {
			errs = append(errs, &LookupError{Host: t.host, Err: err})
			continue
		}
		hosts = slices.Clone(hosts)
		slices.Sort(hosts) // an answer in another order is the same answer
		for _, host := range hosts {
			addresses = add(addresses, Address{net.JoinHostPort(host, t.port), t.host})
		}
	}
	if err := join(errs); err != nil {
		return err
	}
	return b.use(addresses)
}

// LookupError says that the addresses of a host are not known. It matches
// core.ErrConnection and what Err matches.
type LookupError struct {
	Host string
	Err  error
}

// Error names the host.
func (e *LookupError) Error() string {
	text := e.Err.Error()
	if strings.Contains(text, e.Host) {
		return "cannot look up the addresses of the backend: " + text
	}
	return fmt.Sprintf("cannot look up the addresses of %s: %s", e.Host, text)
}

// Is matches core.ErrConnection.
func (e *LookupError) Is(target error) bool { return target == core.ErrConnection }

// Unwrap returns Err.
func (e *LookupError) Unwrap() error { return e.Err }

// ErrorType returns "connect_error".
func (e *LookupError) ErrorType() string { return "connect_error" }

// Class says that nothing was applied, and that another attempt may succeed.
func (e *LookupError) Class() core.Class { return core.NotApplied(e.ErrorType()) }
