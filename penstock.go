// SPDX-License-Identifier: Apache-2.0

package penstock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/endpoint"
	"github.com/penstock-go/penstock/pool/lane"
)

// Backend is the remote system that a client talks to, with connections of type
// C. Only Factory is required.
type Backend[C any] struct {
	// Factory makes and closes connections. If it is a pool.Pinger too, a health
	// monitor probes the backend with its Ping.
	Factory pool.Factory[C]
	// Classifier says what the backend's errors mean. Nil means that every error,
	// also an answer such as "not found", is a failure of the backend; see
	// core.Class.
	Classifier core.Classifier
	// Pool configures the pool. An empty Pool.Name is the name of C.
	Pool pool.Config
	// Endpoints are the addresses of the backend, if it has several, or one that is looked
	// up again: each has a pool of its own, with the bounds of Pool. Endpoints.Factory
	// makes the factories; Factory is used for its Ping alone. The client sets
	// Endpoints.Pool. Without Endpoints.Addresses there is one pool, of Factory.
	Endpoints endpoint.Config[C]
	// Lanes give groups of operations connections of their own: see package lane. Empty
	// is one lane for all.
	Lanes []lane.Lane

	// System is what telemetry calls the backend (db.system.name), such as
	// "milvus". Empty is "_OTHER".
	System string
	// Namespace is the database within the system (db.namespace). Optional.
	Namespace string
	// Address and Port are where the backend is (server.address, server.port).
	// Optional. A Port that is DefaultPort is left out of telemetry.
	Address           string
	Port, DefaultPort int
}

// Config is how a client talks to its backend. The zero value is the default
// chain, without telemetry. A client without telemetry has no trace stage: there
// is nothing that the stage could tell.
type Config struct {
	// Chain configures the stages and the operation timeout. Health is added if
	// the factory has a Ping.
	Chain middleware.Config
	// MaxAsync is how many operations core.Go runs at once, see
	// core.ClientConfig.
	MaxAsync int

	// TracerProvider is where spans go, MeterProvider where metrics go. Nil is
	// nowhere; a nil pointer of a provider's type is an error.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
	// Telemetry has further options for spans and metrics. Optional.
	Telemetry []otelx.Option
	// UseTime measures for how long each connection is lent
	// (db.client.connection.use_time). That costs each lease two readings of the clock
	// and one measurement.
	UseTime bool
	// Observer replaces OpenTelemetry, for example by a coretest.Recorder in a test.
	// With an Observer, the providers, Telemetry and UseTime must be empty. Nil makes
	// an observer of the providers and of Telemetry.
	Observer core.Observer
	// Watchers look at the client while it lives, such as an admin.Admin, which shows it
	// on a page. Optional.
	Watchers []Watcher
	// Logger is told what an operator should know: doubtful settings, a circuit breaker
	// that opens or closes, a health gate that shuts or opens, a budget of retries that is
	// spent, an exhausted pool, a leak, a pool closed by force, a panic in a function of the
	// user, an attribute with too many values for metrics. There is no record for an
	// operation, and there are at most 20 records in
	// ten seconds. Nil discards them.
	Logger *slog.Logger
}

// Client runs operations on connections of type C: core.Do and core.Go take it.
// It is made by [New] or [Open], safe for concurrent use, and closed by its
// Close. Close exports nothing: the last figures of the pool are in the next
// collection. Shut the MeterProvider down after its clients, and it exports them.
type Client[C any] struct {
	*core.Client[C]
	lending[C]
	useTimes bool            // measure for how long connections are lent, as New was told
	factory  pool.Factory[C] // for its Ping
	observer core.Observer   // nil if nothing listens
	heard    core.Observer   // observer and the watchers; nil if there is none
	told     core.Observer   // heard and the log; nil if there is neither
	otel     *otelx.Observer // nil if nothing listens
	logger   *slog.Logger
	watches  []Watch
	fixed    fixed
	closed   atomic.Bool
	live     live

	mu         sync.Mutex
	registered bool // by a start; guarded by mu
}

// abandon is how long [Open] takes to close a client that did not start.
const abandon = time.Second

// Open is [New] and [Client.Start]. If the start fails, Open closes the client
// and returns the error of the start. A client that Open returns is to be closed.
func Open[C any](ctx context.Context, b Backend[C], cfg Config) (*Client[C], error) {
	c, err := New(b, cfg)
	if err != nil {
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		// ctx may be what ended the start, and has no time left to close.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandon)
		defer cancel()
		_ = c.Close(ctx)
		return nil, err
	}
	return c, nil
}

// New returns a client that is not started: it has not dialed, does not probe,
// and is not in the metrics. Its first operation dials. The error names
// everything that is wrong with b and cfg.
func New[C any](b Backend[C], cfg Config) (*Client[C], error) {
	c := &Client[C]{logger: cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)), factory: b.Factory}
	given := Change{Pool: b.Pool, Config: cfg}.detached()
	b.Pool.Name = cmp.Or(b.Pool.Name, strings.TrimLeft(reflect.TypeFor[C]().String(), "*"))
	cfg.Chain.Name = cmp.Or(cfg.Chain.Name, b.Pool.Name)
	c.live.name, c.live.first = cfg.Chain.Name, given

	observerErr := c.observe(b, cfg)
	c.name = b.Pool.Name
	c.watch(cfg.Watchers)
	c.told = withLog(c.heard, cfg.Logger, b.Pool.Name)
	if b.Pool.Observer == nil {
		b.Pool.Observer = c.told
	}
	c.useTimes = cfg.UseTime && c.otel != nil
	var clientErr error
	poolErr := c.lend(b)
	cfg.Chain = c.completed(cfg.Chain)
	chain, chainErr := middleware.Build(cfg.Chain)
	if chainErr != nil {
		chain = &middleware.Chain{} // so that the faults below are named too
	}
	c.live.begin(chain, given)
	settings := c.coreSettings(cfg, chain)
	settings.Source, settings.Observer, settings.Classifier = c.sources, c.told, b.Classifier
	settings.Closers = c.closers()
	c.Client, clientErr = core.NewClient(settings)
	if err := errors.Join(observerErr, poolErr, chainErr, clientErr); err != nil {
		return nil, fmt.Errorf("penstock: client %q: %w", cfg.Chain.Name, err)
	}
	c.fixed = fixedOf(b)
	c.watched()
	return c, nil
}

// observe sets the observer: the given one, or one made of the providers if
// anything listens to them.
func (c *Client[C]) observe(b Backend[C], cfg Config) error {
	if cfg.Observer != nil {
		c.observer = cfg.Observer
		if cfg.TracerProvider != nil || cfg.MeterProvider != nil || len(cfg.Telemetry) > 0 || cfg.UseTime {
			return errors.New("Observer is set beside TracerProvider, MeterProvider, Telemetry or UseTime, which it takes the place of: leave out one or the other")
		}
		return nil
	}
	observer, err := otelx.NewObserver(slices.Concat([]otelx.Option{
		otelx.WithTracerProvider(cfg.TracerProvider),
		otelx.WithMeterProvider(cfg.MeterProvider),
		otelx.WithPoolName(b.Pool.Name),
		otelx.WithSystem(b.System),
		otelx.WithNamespace(b.Namespace),
		otelx.WithServer(b.Address, b.Port),
		otelx.WithDefaultPort(b.DefaultPort),
		otelx.WithLogger(cfg.Logger),
	}, cfg.Telemetry)...)
	if err != nil {
		return err
	}
	if observer.Enabled() {
		c.otel, c.observer = observer, observer
	}
	return nil
}

// useTime returns an OnUse that measures, and calls the one of cfg.
func (c *Client[C]) useTime(cfg pool.Config) func(time.Duration) {
	return func(d time.Duration) {
		c.otel.RecordUse(cfg.Name, d)
		if cfg.OnUse != nil {
			cfg.OnUse(d)
		}
	}
}

// leaks returns an OnLeak that logs, and calls next.
func leaks(log *logged, next func(pool.LeakInfo)) func(pool.LeakInfo) {
	return func(leak pool.LeakInfo) {
		log.leak(leak)
		if next != nil {
			next(leak)
		}
	}
}

// closePool closes the pool, and logs if that took force.
func (c *Client[C]) closePool(ctx context.Context) error {
	err := c.each(func(l lender[C]) error { return l.Close(ctx) })
	if log, ok := c.told.(*logged); ok {
		log.forced(ctx, err)
	}
	return err
}

// health returns the configuration of the health stage, with a probe made of the
// factory's Ping unless it has one.
func (c *Client[C]) health(factory pool.Factory[C], cfg *health.Config) *health.Config {
	pinger, pings := factory.(pool.Pinger[C])
	if cfg == nil {
		if !pings {
			return nil
		}
		cfg = &health.Config{}
	}
	own := *cfg
	if own.Observer == nil {
		own.Observer = c.told
	}
	if own.Probe == nil && pings {
		own.Probe = func(ctx context.Context) error {
			c.redial() // the probe is to ask the backend, not to be told of the last dial
			return c.Probe(ctx, pinger.Ping)
		}
	}
	return &own
}

// Close is [core.Client.Close], which ends the operations of core.Go first, then drains the
// pool. Closed is true from the call on.
func (c *Client[C]) Close(ctx context.Context) error {
	c.closed.Store(true)
	return c.Client.Close(ctx)
}

// Closed reports whether Close was called: it is true while the client drains, and ever
// after. It is cheap, for a check of readiness, and safe for concurrent use.
func (c *Client[C]) Closed() bool { return c.closed.Load() }

// closers returns what the client closes, the last first: the monitor stops
// probing, the pool drains, the observer takes the pool off the meter with its
// last figures, and the watchers hear of the end.
func (c *Client[C]) closers() []func(context.Context) error {
	closers := []func(context.Context) error{c.unwatch}
	if c.otel != nil {
		closers = append(closers, c.otel.Close)
	}
	closers = append(closers, c.closePool)
	closers = append(closers, c.live.end)
	// Again, because the program may close the core.Client.
	return append(closers, func(context.Context) error { c.closed.Store(true); return nil })
}

// Start registers the pool with telemetry, begins to probe, and dials the pool's
// minimum, at least one connection. Its error is the error of the dials, or says
// that another client of the same MeterProvider has a pool of the same name. After
// an error, call Start again or close the client. A client that is started dials
// what its pool lacks, and does nothing else, when Start is called again.
func (c *Client[C]) Start(ctx context.Context) error {
	if err := c.register(ctx); err != nil {
		return err
	}
	c.live.probe((*health.Monitor).Start)
	return c.each(func(l lender[C]) error { return l.Start(ctx) })
}

// StartLazily is [Client.Start] for a client that is perhaps not needed: nothing is
// dialed or probed before the first operation.
func (c *Client[C]) StartLazily(ctx context.Context) error {
	if err := c.register(ctx); err != nil {
		return err
	}
	c.live.probe((*health.Monitor).StartWithFirst)
	return nil
}

// register makes the pool part of the metrics, and logs what an operator should
// know of the chain. Calls after the first that succeeds do nothing.
func (c *Client[C]) register(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.registered {
		return nil
	}
	if c.otel != nil {
		for _, l := range c.lanes {
			if err := c.otel.RegisterPool(l.Name(), l.Stats); err != nil {
				return err
			}
		}
		if err := c.otel.RegisterFigures(c.name, c.figures()); err != nil {
			return err
		}
	}
	c.registered = true
	c.logger.DebugContext(ctx, "penstock: client starts", "pool", c.name, "chain", c.Chain().String())
	c.warn(ctx, c.Chain().Warnings)
	return nil
}
