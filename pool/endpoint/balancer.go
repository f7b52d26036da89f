// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contain"
	"github.com/penstock-go/penstock/internal/fault"
	"github.com/penstock-go/penstock/internal/once"
	"github.com/penstock-go/penstock/pool"
)

// Balancer lends connections to the endpoints of one backend. [New] makes one. It is
// safe for concurrent use.
type Balancer[C any] struct {
	cfg     Config[C] // with its defaults
	targets []target
	resolve bool // an address is looked up
	name    string
	told    core.Observer               // of the pools; nil if there is none
	pool    atomic.Pointer[pool.Config] // of the pools; written with mu held
	places  atomic.Int64                // how many leases the pool of an endpoint has
	// patience is for how long a caller waits for a connection, a time.Duration.
	patience atomic.Int64

	epoch  time.Time
	ctx    context.Context // of lookups, pings and drains; ends with Close
	cancel context.CancelFunc
	closer once.Closer

	// set is the present endpoints. The slice does not change. It is written with mu held.
	set      atomic.Pointer[[]*endpoint[C]]
	watcher  *time.Timer
	watching atomic.Bool  // the watcher runs
	judging  atomic.Int64 // when the endpoints are compared next, in nanoseconds since epoch
	ejected  atomic.Int32 // endpoints of set that are ejected; written with mu held

	mu       sync.Mutex // guards what follows; held for no dial, ping or lookup
	started  bool
	closing  bool
	draining map[*endpoint[C]]struct{} // endpoints that are gone, with connections left
	retired  pool.Stats                // counts of endpoints that are gone

	jobs     sync.WaitGroup // lookups and starts
	retiring sync.WaitGroup // endpoints that drain

	lookups lookups
}

// New returns a Balancer of the endpoints in cfg. It does no I/O: hosts are looked up and
// connections dialed in [Balancer.Start], or when callers ask for connections. The error
// names every value of cfg that is wrong.
func New[C any](cfg Config[C]) (*Balancer[C], error) {
	cfg, faults := cfg.complete()
	b := &Balancer[C]{
		cfg: cfg, told: core.Contained(cfg.Pool.Observer), epoch: time.Now(),
		draining: map[*endpoint[C]]struct{}{},
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.watcher = time.AfterFunc(time.Hour, b.watched)
	b.watcher.Stop()
	b.set.Store(new([]*endpoint[C]))
	effective, err := cfg.Pool.Effective()
	if err != nil {
		faults.Add("Pool: %w", err)
	}
	b.name = effective.Name
	b.follow(cfg.Pool)
	if err := faults.Err("endpoint"); err != nil {
		return nil, err
	}
	for _, address := range cfg.Addresses {
		t, _ := split(address) // checked above
		b.targets = append(b.targets, t)
		b.resolve = b.resolve || t.dns
	}
	b.initLookups()
	if err := b.use(b.known()); err != nil {
		return nil, err
	}
	return b, nil
}

var _ core.Source[int] = (*Balancer[int])(nil)

// Name returns the name of the pools.
func (b *Balancer[C]) Name() string { return b.name }

// now reads the balancer's clock.
func (b *Balancer[C]) now() time.Duration { return time.Since(b.epoch) }

// endpoints returns the present endpoints.
func (b *Balancer[C]) endpoints() []*endpoint[C] { return *b.set.Load() }

// use makes the given addresses the endpoints: new ones begin with an empty pool, and
// those that are gone drain. It keeps the old set if a factory cannot be made. Calls of use
// come one after another, so that the set does not change before the lock.
func (b *Balancer[C]) use(addresses []Address) error {
	old, next := b.endpoints(), make([]*endpoint[C], 0, len(addresses))
	var found, gone []*endpoint[C]
	for _, a := range addresses {
		at := slices.IndexFunc(old, func(e *endpoint[C]) bool { return e.address == a })
		if at >= 0 {
			next = append(next, old[at])
			continue
		}
		e, err := b.newEndpoint(a) // calls a function of the user: no lock is held
		if err != nil {
			return err
		}
		next, found = append(next, e), append(found, e)
	}
	b.mu.Lock()
	if b.closing {
		b.mu.Unlock()
		return b.errClosed()
	}
	for _, e := range old {
		if !slices.Contains(next, e) {
			gone = append(gone, e)
			b.draining[e] = struct{}{}
			e.stopProbes()
		}
	}
	b.set.Store(&next)
	for _, e := range found {
		if cfg := b.pool.Load(); cfg != e.under {
			_ = e.pool.Reconfigure(*cfg) // it came in force while the endpoint was made
		}
	}
	b.countEjected()
	started := b.started
	for _, e := range gone {
		b.retiring.Go(func() { b.retire(e) })
	}
	if started {
		for _, e := range found {
			b.jobs.Go(func() { e.start(b.ctx) })
		}
	}
	b.mu.Unlock()
	for _, e := range found {
		if started || len(old) > 0 {
			b.tell(b.ctx, Change{Address: e.address.HostPort, To: In, Reason: ReasonFound})
		}
	}
	for _, e := range gone {
		b.tell(b.ctx, Change{Address: e.address.HostPort, To: Gone, Reason: ReasonGone})
	}
	return nil
}

// countEjected brings b.ejected up to date, and moves the callers that wait for an ejected
// endpoint on, unless ejections have no effect. b.mu is held.
func (b *Balancer[C]) countEjected() {
	all := b.endpoints()
	var n int32
	for _, e := range all {
		if e.out.Load() {
			n++
		}
	}
	b.ejected.Store(n)
	if b.panicking(all) {
		return
	}
	for _, e := range all {
		if e.out.Load() {
			e.leave()
		}
	}
}

// drainFor is how long an endpoint that is gone waits for its callers.
const drainFor = time.Minute

// retire closes the pool of an endpoint that is gone, when its callers have returned
// their connections, and keeps its counts.
func (b *Balancer[C]) retire(e *endpoint[C]) {
	ctx, cancel := context.WithTimeout(b.ctx, drainFor)
	defer cancel()
	_ = e.pool.Close(ctx) // an error tells no caller anything: the endpoint is gone
	last := e.stats()
	last.Max, last.Min, last.Places = 0, 0, 0
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.draining, e)
	b.retired = merge(b.retired, last)
}

// Start looks the hosts up, dials Pool.MinSize connections to each endpoint, at least
// one, and returns when one endpoint has them. The others go on in the background. The
// error joins those of all endpoints. From then on, also after an error, each pool keeps
// its MinSize.
func (b *Balancer[C]) Start(ctx context.Context) error {
	if err := b.resolved(ctx); err != nil {
		b.mu.Lock()
		b.started = true
		b.mu.Unlock()
		return fmt.Errorf("pool %q cannot start: %w", b.Name(), err)
	}
	b.mu.Lock()
	if b.closing {
		b.mu.Unlock()
		return b.errClosed()
	}
	b.started = true
	all := b.endpoints()
	results := make(chan error, len(all))
	for _, e := range all {
		b.jobs.Go(func() { results <- e.start(ctx) })
	}
	b.mu.Unlock()
	b.lookups.begin()
	var errs []error
	for range all {
		err := <-results
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return fault.Join(errs...)
}

// Reset removes all connections of all endpoints, see [pool.Pool.Reset].
func (b *Balancer[C]) Reset(reason string) {
	for _, e := range b.endpoints() {
		e.pool.Reset(reason)
	}
}

// Redial does for each endpoint what [pool.Pool.Redial] does.
func (b *Balancer[C]) Redial() {
	for _, e := range b.endpoints() {
		e.pool.Redial()
	}
}

// NamesHolders reports whether the pools keep who has their connections.
func (b *Balancer[C]) NamesHolders() bool { return b.told != nil || b.pool.Load().LeakAfter > 0 }

func (b *Balancer[C]) errClosed() error { return fmt.Errorf("pool %q: %w", b.Name(), pool.ErrClosed) }

// Close closes the pools of all endpoints, see [pool.Pool.Close]. The first call closes;
// every other call waits for the first one, no longer than its own ctx, and returns the
// same error.
func (b *Balancer[C]) Close(ctx context.Context) error {
	return b.closer.Close(ctx, func(ctx context.Context) error {
		b.mu.Lock()
		b.closing = true
		b.watcher.Stop()
		all := slices.Clone(b.endpoints())
		for _, e := range all {
			e.stopProbes()
		}
		b.mu.Unlock()
		b.lookups.end()
		results := make(chan error, len(all))
		for _, e := range all {
			go func() { results <- e.pool.Close(ctx) }()
		}
		var errs []error
		for range all {
			if err := <-results; err != nil {
				errs = append(errs, err)
			}
		}
		within(ctx, b.retiring.Wait) // they drain for as long as the others
		b.cancel()
		within(ctx, func() { b.retiring.Wait(); b.jobs.Wait() })
		return fault.Join(errs...)
	})
}

// within runs wait, which ends some time, no longer than ctx lasts.
func within(ctx context.Context, wait func()) {
	done := make(chan struct{})
	go func() { defer close(done); wait() }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// tell tells OnChange. No lock is held.
func (b *Balancer[C]) tell(ctx context.Context, c Change) {
	if b.cfg.OnChange != nil {
		contain.Apart("OnChange", b.panicked, func() { b.cfg.OnChange(ctx, c) })
	}
}

// panicked tells the observer of a panic in a function of the user.
func (b *Balancer[C]) panicked(p *contain.Panic) {
	if b.told != nil {
		b.told.Event(context.Background(), core.Event{Kind: core.EventPanic, Name: p.Func, Err: p})
	}
}
