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
	"github.com/penstock-go/penstock/internal/fault"
)

// pause is the least time between two lookups.
const pause = time.Second

// lookups are the lookups of a balancer's hosts.
type lookups struct {
	run   func()
	every time.Duration // zero if no host is looked up

	unknown []bool // by target, whether its last lookup failed; of the lookup under way

	mu    sync.Mutex // guards what follows
	timer *time.Timer
	last  time.Time // begin of the last lookup
	going *going    // the one that is under way, nil if there is none
	over  bool
}

// going is a lookup under way.
type going struct {
	once sync.Once
	done chan struct{} // closed as soon as there are endpoints, or at the end
	err  error         // once done is closed
}

func (g *going) answer(err error) {
	g.once.Do(func() {
		g.err = err
		close(g.done)
	})
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
	b.lookups.unknown = make([]bool, len(b.targets))
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
		this.answer(b.lookUpAll(ctx, this))
		l.mu.Lock()
		defer l.mu.Unlock()
		l.going = nil
	})
	return this
}

// lookUpAll looks up all hosts at once and uses what it finds. If the lookup of a host
// fails, its endpoints stay as they are, and those of the other hosts serve. While there is
// no endpoint, it does not wait for the last host. It fails if there is none at the end.
func (b *Balancer[C]) lookUpAll(ctx context.Context, this *going) error {
	type result struct {
		target    int
		addresses []Address
		err       error
	}
	var (
		results = make(chan result, len(b.targets))
		found   = make([][]Address, len(b.targets))
		errs    = make([]error, len(b.targets))
		waiting int
	)
	for i, t := range b.targets {
		if !t.dns {
			found[i] = []Address{{net.JoinHostPort(t.host, t.port), t.host}}
			continue
		}
		waiting++
		go func() {
			addresses, err := b.lookUpHost(ctx, t)
			results <- result{i, addresses, err}
		}()
	}
	for ; waiting > 0; waiting-- {
		if first := union(found); len(b.endpoints()) == 0 && len(first) > 0 {
			this.answer(b.use(first))
		}
		r := <-results
		found[r.target], errs[r.target] = r.addresses, r.err
	}
	for i, t := range b.targets {
		if errs[i] != nil {
			found[i] = b.addressesOf(t)
		}
	}
	b.tellUnknown(errs)
	if all := union(found); len(all) > 0 {
		return b.use(all)
	}
	return fault.Join(errs...)
}

// union returns all addresses, each once.
func union(found [][]Address) (all []Address) {
	for _, addresses := range found {
		for _, a := range addresses {
			all = add(all, a)
		}
	}
	return all
}

// lookUpHost returns the addresses of a host, one at least.
func (b *Balancer[C]) lookUpHost(ctx context.Context, t target) (addresses []Address, err error) {
	var hosts []string
	err = errors.New("LookupHost did not return")
	contain.Apart("LookupHost", b.panicked, func() { hosts, err = b.cfg.LookupHost(ctx, t.host) })
	if err == nil && len(hosts) == 0 {
		err = errors.New("there is no address")
	}
	if err != nil {
		return nil, &LookupError{Host: t.host, Err: err}
	}
	hosts = slices.Clone(hosts)
	slices.Sort(hosts) // an answer in another order is the same answer
	for _, host := range hosts {
		addresses = append(addresses, Address{net.JoinHostPort(host, t.port), t.host})
	}
	return addresses, nil
}

// addressesOf returns the addresses in use that a lookup of the target found.
func (b *Balancer[C]) addressesOf(t target) (addresses []Address) {
	for _, e := range b.endpoints() {
		if _, port, err := net.SplitHostPort(e.address.HostPort); err == nil && port == t.port && e.address.Host == t.host {
			addresses = append(addresses, e.address)
		}
	}
	return addresses
}

// tellUnknown tells of hosts that are unknown now and were not before. errs are the errors
// of the targets.
func (b *Balancer[C]) tellUnknown(errs []error) {
	for i, t := range b.targets {
		if errs[i] != nil && !b.lookups.unknown[i] {
			b.tell(b.ctx, Change{Address: net.JoinHostPort(t.host, t.port), To: Gone, Reason: ReasonUnknownHost, Err: errs[i]})
		}
		b.lookups.unknown[i] = errs[i] != nil
	}
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
