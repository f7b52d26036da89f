// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"fmt"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/middleware"
)

// Option sets how clients are built. Given to [Module] it holds for all
// clients of the application, given to [Client] for that one. The latter
// replaces the former, but what they leave [Without] adds up.
type Option func(*settings)

type settings struct {
	name    string
	chain   middleware.Config
	order   []string
	without []string
	timeout time.Duration
	start   StartMode
	tracer  trace.TracerProvider
	meter   metric.MeterProvider
}

// StartMode says what a client does when the application starts.
type StartMode uint8

const (
	// StartEager dials the pool's minimum and fails the start of the
	// application if that fails.
	StartEager StartMode = iota
	// StartBackground dials the pool's minimum without waiting for it. A failure
	// is logged, and operations dial again.
	StartBackground
	// StartLazy dials when the first operation asks for a connection.
	StartLazy
)

// Named gives a client a name: it is provided as name:"name", takes its
// pool.Factory and [Backend] by that name too, and has the stages that are
// [For] it. It belongs to Client, not to Module.
func Named(name string) Option { return func(s *settings) { s.name = name } }

// Chain configures the stages, all of it: a Chain for one client replaces that
// for all. Stages added with [AsMiddleware] come on top.
func Chain(cfg middleware.Config) Option { return func(s *settings) { s.chain = cfg } }

// Order names the stages, outermost first, in place of the default order.
func Order(names ...string) Option { return func(s *settings) { s.order = names } }

// Without leaves stages out.
func Without(names ...string) Option {
	return func(s *settings) { s.without = append(s.without, names...) }
}

// OperationTimeout limits each operation with all its attempts.
func OperationTimeout(d time.Duration) Option { return func(s *settings) { s.timeout = d } }

// Start sets the start mode; the default is StartEager.
func Start(mode StartMode) Option { return func(s *settings) { s.start = mode } }

// TracerProvider is where spans go, whatever the application provides.
func TracerProvider(p trace.TracerProvider) Option { return func(s *settings) { s.tracer = p } }

// MeterProvider is where metrics go, whatever the application provides.
func MeterProvider(p metric.MeterProvider) Option { return func(s *settings) { s.meter = p } }

// Name returns the name that opts give, "" if none. It is for modules that build
// on [Client].
func Name(opts ...Option) string { return (*shared)(nil).resolve(opts).name }

// NameTag returns the fx tag of the name that opts give, or "" if they give
// none. It is for modules that build on [Client].
func NameTag(opts ...Option) string {
	if name := Name(opts...); name != "" {
		return fmt.Sprintf(`name:"%s"`, name)
	}
	return ""
}
