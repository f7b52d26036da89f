// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Factory makes and closes connections. Its methods are called concurrently,
// on goroutines of the pool's own; a panic in them is recovered.
type Factory[C any] interface {
	// Dial makes a connection. ctx is the pool's own: it ends after
	// Config.DialTimeout or when the pool closes, and Dial returns soon after
	// that. A nil connection without an error is taken for an error, and a
	// connection beside an error is closed.
	Dial(ctx context.Context) (C, error)
	// Close closes a connection. It is called once for each, and returns soon
	// after ctx ends. Where a pool has to close by force, the connection may
	// still be in use.
	Close(ctx context.Context, conn C) error
}

// Checker is an optional method of a [Factory].
type Checker[C any] interface {
	// Alive reports whether conn can be lent. It is asked when a connection is
	// about to be lent, so it must be quick, do no I/O, and not call the pool. A
	// connection that is not alive is closed in an exclusive pool, and passed
	// over while there is a better one in a shared pool.
	Alive(conn C) bool
}

// Mode says how connections are lent.
type Mode uint8

const (
	// Exclusive lends a connection to one caller at a time.
	Exclusive Mode = iota
	// Shared lends a connection to many callers at once.
	Shared
)

// String returns the name of the mode in lower case.
func (m Mode) String() string {
	switch m {
	case Exclusive:
		return "exclusive"
	case Shared:
		return "shared"
	default:
		return fmt.Sprintf("mode(%d)", uint8(m))
	}
}

// The defaults of [Config].
const (
	DefaultName             = "pool"
	DefaultMaxSizeExclusive = 10
	DefaultMaxSizeShared    = 4
	DefaultTargetSharing    = 32
	DefaultMaxSharing       = 128
	DefaultAcquireTimeout   = 3 * time.Second
	DefaultDialTimeout      = 5 * time.Second
)

// Config says how a [Pool] works. The zero value is a usable one; a field that
// is zero has its default.
type Config struct {
	// Name names the pool in telemetry and errors. Default "pool".
	Name string
	// Mode says how connections are lent. Default Exclusive.
	Mode Mode
	// MaxSize is how many connections there may be. Default 10, and 4 in a
	// shared pool.
	MaxSize int
	// MinSize is how many connections Start dials and the pool keeps from then
	// on: a lost one is replaced in the background. Default 0.
	MinSize int
	// TargetSharing is for shared pools only: once each connection has that
	// many callers, another one is dialed in the background. Default 32, or
	// MaxSharing if that is less.
	TargetSharing int
	// MaxSharing is for shared pools only: how many callers a connection may
	// have. Callers beyond it wait. Default 128, or TargetSharing if that is more.
	MaxSharing int
	// MaxWaiters is how many callers may wait at once; those beyond it are
	// refused. Zero is no limit.
	MaxWaiters int
	// AcquireTimeout ends a wait for a connection, if the caller's context does
	// not end it earlier. Default 3 s.
	AcquireTimeout time.Duration
	// DialTimeout ends the making of a connection. Default 5 s.
	DialTimeout time.Duration
	// Observer is told of waits and dials. Nil is nobody.
	Observer core.Observer
}

// complete returns cfg with its defaults filled in, and an error for each
// value that is not usable.
func (cfg Config) complete() (Config, []error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	for _, f := range []struct {
		name  string
		value int64
		text  any
	}{
		{"MaxSize", int64(cfg.MaxSize), cfg.MaxSize},
		{"MinSize", int64(cfg.MinSize), cfg.MinSize},
		{"TargetSharing", int64(cfg.TargetSharing), cfg.TargetSharing},
		{"MaxSharing", int64(cfg.MaxSharing), cfg.MaxSharing},
		{"MaxWaiters", int64(cfg.MaxWaiters), cfg.MaxWaiters},
		{"AcquireTimeout", int64(cfg.AcquireTimeout), cfg.AcquireTimeout},
		{"DialTimeout", int64(cfg.DialTimeout), cfg.DialTimeout},
	} {
		if f.value < 0 {
			fault("%s is negative: %v", f.name, f.text)
		}
	}

	given := cfg
	setDefault(&cfg.Name, DefaultName)
	setDefault(&cfg.AcquireTimeout, DefaultAcquireTimeout)
	setDefault(&cfg.DialTimeout, DefaultDialTimeout)
	switch cfg.Mode {
	case Exclusive:
		if given.TargetSharing > 0 {
			fault("TargetSharing is %d, but the pool is exclusive", given.TargetSharing)
		}
		if given.MaxSharing > 0 {
			fault("MaxSharing is %d, but the pool is exclusive", given.MaxSharing)
		}
		setDefault(&cfg.MaxSize, DefaultMaxSizeExclusive)
		// To lend exclusively is to share with one caller.
		cfg.TargetSharing, cfg.MaxSharing = 1, 1
	case Shared:
		setDefault(&cfg.MaxSize, DefaultMaxSizeShared)
		// Where only one of them is given, the default of the other gives way.
		setDefault(&cfg.MaxSharing, max(DefaultMaxSharing, given.TargetSharing))
		setDefault(&cfg.TargetSharing, min(DefaultTargetSharing, cfg.MaxSharing))
		if given.MaxSharing > 0 && given.TargetSharing > given.MaxSharing {
			fault("TargetSharing %d exceeds MaxSharing %d", given.TargetSharing, given.MaxSharing)
		}
	default:
		fault("Mode is %v, want exclusive or shared", cfg.Mode)
	}
	if given.MaxSize >= 0 && cfg.MaxSize > 0 && cfg.MinSize > cfg.MaxSize {
		fault("MinSize %d exceeds MaxSize %s", cfg.MinSize, orDefault(given.MaxSize, cfg.MaxSize))
	}
	return cfg, faults
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// orDefault names a value, and whether it was given.
func orDefault(given, value int) string {
	if given == 0 {
		return fmt.Sprintf("%d (the default)", value)
	}
	return fmt.Sprint(value)
}

// New returns a pool of the connections that f makes. It does no I/O: the
// first connections are dialed by [Pool.Start], or when they are asked for.
// Values of cfg that are negative or contradict each other are refused, all
// named in one error.
func New[C any](f Factory[C], cfg Config) (*Pool[C], error) {
	cfg, faults := cfg.complete()
	if f == nil {
		faults = append(faults, errors.New("the factory is nil"))
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("pool: bad configuration: %w", errors.Join(faults...))
	}
	p := &Pool[C]{
		cfg:        cfg,
		factory:    f,
		errClosed:  fmt.Errorf("pool %q: %w", cfg.Name, ErrClosed),
		errTooMany: fmt.Errorf("pool %q: %w", cfg.Name, ErrTooManyWaiters),
		leaving:    map[*entry[C]]struct{}{},
		closed:     map[CloseReason]uint64{},
		drained:    make(chan struct{}),
		quiet:      make(chan struct{}),
		over:       make(chan struct{}),
	}
	p.checker, _ = f.(Checker[C])
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p, nil
}
