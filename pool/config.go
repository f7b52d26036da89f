// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"fmt"
	"math"
	"time"

	"github.com/penstock-go/penstock/core"
)

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
	DefaultConcurrentDials  = 8
	DefaultReplaceAfter     = 30 * time.Second
)

const (
	// Never is for Config.ReplaceAfter.
	Never time.Duration = math.MaxInt64
	// NoJitter is for Config.LifetimeJitter.
	NoJitter time.Duration = 1
)

// Config says how a [Pool] works. The zero value is a usable one; a field that
// is zero has its default.
type Config struct {
	// Name names the pool in telemetry and errors. Default "pool".
	Name string
	// Mode says how connections are lent. Default Exclusive.
	Mode Mode
	// MaxSize is how many connections there may be. Default 10, and 4 in a
	// shared pool. Those that are on their way out, because they are broken or
	// have reached their lifetime, do not count; nor does the one that a shared
	// pool dials to replace another.
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
	// MaxConcurrentDials is how many connections are dialed at the same time.
	// Default 8.
	MaxConcurrentDials int
	// MaxLifetime is how long a connection is lent at most. An exclusive one is
	// closed when it is given back after that, or at once if it is idle; a shared
	// one is lent until another one has been dialed in its place, and closed when
	// the last caller has given it back. Zero is no limit.
	MaxLifetime time.Duration
	// LifetimeJitter is by how much, at most, MaxLifetime is shortened, by chance
	// for each connection, so that those made together do not end together.
	// Default a tenth of MaxLifetime; NoJitter is none.
	LifetimeJitter time.Duration
	// IdleTimeout is how long a connection that nobody uses is kept, and up to a
	// quarter more; but the pool keeps MinSize. A shared pool, which spreads its
	// callers over all connections, also closes one when for that long at most
	// half of TargetSharing callers were on each of the others, had there been
	// one less. Zero is no limit.
	IdleTimeout time.Duration
	// CheckIdleAfter is for factories that are a [Checker]: it is asked only about
	// connections that were not used for that long (for three quarters of it at
	// least), and in shared pools about those that are suspect. Zero is before
	// each loan.
	CheckIdleAfter time.Duration
	// CheckEvery is for factories that are a [Pinger]: how often a connection is
	// pinged that nobody has used meanwhile, or that is suspect. A ping takes
	// DialTimeout at most. Zero is not at all.
	CheckEvery time.Duration
	// ReplaceAfter is for shared pools only: a connection that has been suspect
	// for that long is replaced, as soon as another one can be dialed. Default
	// 30 s; Never is not at all.
	ReplaceAfter time.Duration
	// LeakAfter is how long a lease may be out before it counts as leaked. It
	// goes on being one. Zero is for ever. It costs each loan two looks at the
	// clock, and about a microsecond more if there is OnLeak.
	LeakAfter time.Duration
	// OnLeak is told of each leaked lease, with the stack of its Acquire, and
	// again when it comes back. It is called concurrently and must not block or
	// call the pool. Nil is nobody: leaks are counted, but no stacks are kept.
	OnLeak func(LeakInfo) `json:"-"`
	// OnUse is told how long each lease was out, when it is given back, on the
	// goroutine of whoever gives it back. It must not block or call the pool. It
	// costs each loan two looks at the clock. Nil is nobody.
	OnUse func(time.Duration) `json:"-"`
	// Observer is told of waits and dials. Nil is nobody.
	Observer core.Observer `json:"-"`
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
		{"MaxConcurrentDials", int64(cfg.MaxConcurrentDials), cfg.MaxConcurrentDials},
		{"MaxLifetime", int64(cfg.MaxLifetime), cfg.MaxLifetime},
		{"LifetimeJitter", int64(cfg.LifetimeJitter), cfg.LifetimeJitter},
		{"IdleTimeout", int64(cfg.IdleTimeout), cfg.IdleTimeout},
		{"CheckIdleAfter", int64(cfg.CheckIdleAfter), cfg.CheckIdleAfter},
		{"CheckEvery", int64(cfg.CheckEvery), cfg.CheckEvery},
		{"ReplaceAfter", int64(cfg.ReplaceAfter), cfg.ReplaceAfter},
		{"LeakAfter", int64(cfg.LeakAfter), cfg.LeakAfter},
	} {
		if f.value < 0 {
			fault("%s is negative: %v", f.name, f.text)
		}
	}

	given := cfg
	setDefault(&cfg.Name, DefaultName)
	setDefault(&cfg.AcquireTimeout, DefaultAcquireTimeout)
	setDefault(&cfg.DialTimeout, DefaultDialTimeout)
	setDefault(&cfg.MaxConcurrentDials, DefaultConcurrentDials)
	setDefault(&cfg.LifetimeJitter, cfg.MaxLifetime/10)
	switch cfg.Mode {
	case Exclusive:
		if given.TargetSharing > 0 {
			fault("TargetSharing is %d, but the pool is exclusive", given.TargetSharing)
		}
		if given.MaxSharing > 0 {
			fault("MaxSharing is %d, but the pool is exclusive", given.MaxSharing)
		}
		if given.ReplaceAfter > 0 {
			fault("ReplaceAfter is %v, but the pool is exclusive", given.ReplaceAfter)
		}
		setDefault(&cfg.MaxSize, DefaultMaxSizeExclusive)
		// To lend exclusively is to share with one caller.
		cfg.TargetSharing, cfg.MaxSharing = 1, 1
	case Shared:
		setDefault(&cfg.MaxSize, DefaultMaxSizeShared)
		setDefault(&cfg.ReplaceAfter, DefaultReplaceAfter)
		// Where only one of them is given, the default of the other gives way.
		setDefault(&cfg.MaxSharing, max(DefaultMaxSharing, given.TargetSharing))
		setDefault(&cfg.TargetSharing, min(DefaultTargetSharing, cfg.MaxSharing))
		if given.MaxSharing > 0 && given.TargetSharing > given.MaxSharing {
			fault("TargetSharing %d exceeds MaxSharing %d", given.TargetSharing, given.MaxSharing)
		}
		if cfg.MaxSharing > maxSharing {
			fault("MaxSharing %d exceeds %d", cfg.MaxSharing, maxSharing)
		}
	default:
		fault("Mode is %v, want exclusive or shared", cfg.Mode)
	}
	if given.MaxSize >= 0 && cfg.MaxSize > 0 && cfg.MinSize > cfg.MaxSize {
		fault("MinSize %d exceeds MaxSize %s", cfg.MinSize, orDefault(given.MaxSize, cfg.MaxSize))
	}
	switch {
	case given.LifetimeJitter > 0 && given.MaxLifetime == 0:
		fault("LifetimeJitter is %v, but MaxLifetime is not set", given.LifetimeJitter)
	case given.MaxLifetime > 0 && given.LifetimeJitter > given.MaxLifetime:
		fault("LifetimeJitter %v exceeds MaxLifetime %v", given.LifetimeJitter, given.MaxLifetime)
	}
	if cfg.OnLeak != nil && cfg.LeakAfter == 0 {
		fault("OnLeak is set, but LeakAfter is not")
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
