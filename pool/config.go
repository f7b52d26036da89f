// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/enum"
	"github.com/penstock-go/penstock/internal/fault"
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

var modes = []Mode{Exclusive, Shared}

// MarshalText returns the text of String, for files and logs. An unknown value is an
// error.
func (m Mode) MarshalText() ([]byte, error) { return enum.Text(m, modes...) }

// UnmarshalText sets m to the value whose String the text is. Any other text is an
// error, which lists the texts.
func (m *Mode) UnmarshalText(text []byte) error { return enum.Parse(m, text, modes...) }

const (
	// Never, as Config.ReplaceAfter, means that a shared pool keeps its suspect
	// connections.
	Never time.Duration = math.MaxInt64
	// NoJitter, as Config.LifetimeJitter, means that every connection reaches
	// Config.MaxLifetime.
	NoJitter time.Duration = 1
)

// Config says how a [Pool] works. The zero value is usable: a field that is
// zero has its default. [New] refuses a configuration with negative or
// contradictory values.
type Config struct {
	// Name names the pool in telemetry and errors. Default "pool".
	Name string
	// Mode says how connections are lent. Default Exclusive.
	Mode Mode
	// MaxSize is the greatest number of connections. Default 10, or 4 in a shared
	// pool. A connection counts from the begin of its dial until the factory has
	// closed it, also while callers still have it after it was removed. A shared pool
	// may have one connection more, which replaces a connection that callers have. A
	// connection does not count if a call of the factory on it does not return
	// although its context has ended; see Stats.Stuck.
	MaxSize int
	// MinSize is the number of connections that Start dials. From then on the
	// pool dials in the background when it has fewer. Default 0.
	MinSize int
	// TargetSharing is for shared pools: when every connection has that many
	// callers, the pool dials another one in the background. Default 32, or
	// MaxSharing if that is less. An exclusive pool has 1.
	TargetSharing int
	// MaxSharing is for shared pools: the greatest number of callers of one
	// connection. Further callers wait. There are never more leases than MaxSize
	// times MaxSharing; leases of removed connections count. Default 128, or
	// TargetSharing if that is more. An exclusive pool has 1.
	MaxSharing int
	// MaxWaiters is the greatest number of callers that wait at once. Further
	// callers get ErrTooManyWaiters. Zero is no limit.
	MaxWaiters int
	// AcquireTimeout ends a wait for a connection, unless the caller's context
	// ends it earlier. Default 3 s.
	AcquireTimeout time.Duration
	// DialTimeout ends a dial, and a ping. Default 5 s.
	DialTimeout time.Duration
	// MaxConcurrentDials is the greatest number of dials at the same time.
	// Default 8.
	MaxConcurrentDials int
	// MaxLifetime is the age up to which a connection is lent. An exclusive
	// connection of that age is removed: it is closed at once if it is idle, and
	// else when it is returned. A shared connection of that age is replaced: it is
	// lent until its successor has been dialed, and closed when its last caller has
	// returned it. Zero is no limit.
	MaxLifetime time.Duration
	// LifetimeJitter is the most by which MaxLifetime is shortened. The pool
	// chooses at random for each connection, so that connections of the same age
	// do not end together. Default a tenth of MaxLifetime; NoJitter is none.
	LifetimeJitter time.Duration
	// IdleTimeout is how long the pool keeps a connection without a caller. The pool
	// closes the connection up to a quarter of that time later, and never keeps fewer
	// than MinSize connections. A shared pool also
	// removes a connection when, for IdleTimeout, the rest could have carried all
	// callers at half of TargetSharing each. Zero is no limit.
	IdleTimeout time.Duration
	// CheckIdleAfter is for factories that are a [Checker]: the pool asks the
	// checker only about connections that had no caller for that long (for three
	// quarters of it at least) and, in a shared pool, about suspect ones. Zero
	// asks before each lease.
	CheckIdleAfter time.Duration
	// CheckEvery is for factories that are a [Pinger]: at this interval, 10 ms at
	// least, the pool pings each connection that had no caller since the last ping, or
	// is suspect. Zero disables pings.
	CheckEvery time.Duration
	// ReplaceAfter is for shared pools whose factory is a [Checker]: a connection
	// that has been suspect for that long is replaced. All suspect connections are
	// replaced at once when the pool has to lend one of them. Without a Checker, a
	// suspect connection is replaced at once in any case: it is closed if it has no
	// caller, and else lent until its successor has been dialed or a call on it has
	// succeeded. Default 30 s; Never keeps suspect connections.
	ReplaceAfter time.Duration
	// LeakAfter is how long a lease may be out before it counts as leaked. A
	// leaked lease stays valid. Zero disables the check. The check costs each
	// lease two readings of the clock, and a microsecond for the stack of its Acquire.
	LeakAfter time.Duration
	// OnLeak is called with each leaked lease and the stack of its Acquire, and
	// again when the lease is returned. It is called concurrently, must not block, and
	// may call the pool. Nil disables it: leaks are counted, and the error of an
	// exhausted pool has their stacks, see AcquireError.Holders.
	OnLeak func(LeakInfo) `json:"-"`
	// OnUse is called when a lease is returned, with the time for which it was
	// out, on the goroutine that returns it. It must not block, and may call the pool.
	// It costs each lease two readings of the clock. Nil disables it.
	OnUse func(time.Duration) `json:"-"`
	// Observer is told of waits and dials. Nil disables it. With an Observer the pool
	// also keeps who has its connections, see AcquireError.Holders; without an operation
	// of package core that costs each lease one reading of the clock.
	Observer core.Observer `json:"-"`
}

// Effective returns the configuration in force in a pool that is made with cfg:
// cfg with every default filled in. Given its own result, it returns the same.
// The error names all values that are negative or contradict each other.
func (cfg Config) Effective() (Config, error) {
	cfg, faults := cfg.complete()
	if err := faults.Err("pool"); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// complete returns cfg with its defaults filled in, and its faults.
func (cfg Config) complete() (Config, fault.List) {
	var (
		given  = cfg
		faults fault.List
	)
	cfg.Name = cmp.Or(cfg.Name, "pool")
	switch cfg.Mode {
	case Exclusive:
		cfg.completeExclusive(&faults)
	case Shared:
		cfg.completeShared(&faults)
	default:
		faults.Add("Mode is %v, want exclusive or shared", cfg.Mode)
	}
	fault.Default(&faults, "MinSize", &cfg.MinSize, 0)
	fault.Negative(&faults, "MaxWaiters", cfg.MaxWaiters, "no limit")
	fault.Default(&faults, "AcquireTimeout", &cfg.AcquireTimeout, 3*time.Second)
	fault.Default(&faults, "DialTimeout", &cfg.DialTimeout, 5*time.Second)
	fault.Default(&faults, "MaxConcurrentDials", &cfg.MaxConcurrentDials, 8)
	fault.Negative(&faults, "MaxLifetime", cfg.MaxLifetime, "no limit")
	fault.Negative(&faults, "LifetimeJitter", cfg.LifetimeJitter, "the default, a tenth of MaxLifetime")
	fault.Negative(&faults, "IdleTimeout", cfg.IdleTimeout, "no limit")
	fault.Negative(&faults, "CheckIdleAfter", cfg.CheckIdleAfter, "a check before each lease")
	fault.Negative(&faults, "CheckEvery", cfg.CheckEvery, "no pings")
	fault.Negative(&faults, "LeakAfter", cfg.LeakAfter, "no check")
	cfg.LifetimeJitter = cmp.Or(cfg.LifetimeJitter, cfg.MaxLifetime/10)
	if given.MaxSize >= 0 && cfg.MaxSize > 0 && cfg.MinSize > cfg.MaxSize {
		note := ""
		if given.MaxSize == 0 {
			note = " (the default)"
		}
		faults.Add("MinSize %d exceeds MaxSize %d%s: set a lower MinSize, or a higher MaxSize", cfg.MinSize, cfg.MaxSize, note)
	}
	switch {
	case given.LifetimeJitter > 0 && given.MaxLifetime == 0:
		faults.Add("LifetimeJitter is %v, but MaxLifetime is not set: set MaxLifetime, or leave LifetimeJitter out", given.LifetimeJitter)
	case given.MaxLifetime > 0 && given.LifetimeJitter > given.MaxLifetime:
		faults.Add("LifetimeJitter %v exceeds MaxLifetime %v: set a lower LifetimeJitter, or leave it out", given.LifetimeJitter, given.MaxLifetime)
	}
	if cfg.OnLeak != nil && cfg.LeakAfter == 0 {
		faults.Add("OnLeak is set, but LeakAfter is not: set LeakAfter, or leave OnLeak out")
	}
	return cfg, faults
}

// completeExclusive fills in the defaults of an exclusive pool.
func (cfg *Config) completeExclusive(faults *fault.List) {
	const remedy = "but the pool is exclusive: set Mode to Shared, or leave it out"
	fault.Default(faults, "MaxSize", &cfg.MaxSize, 10)
	fault.Default(faults, "TargetSharing", &cfg.TargetSharing, 1)
	fault.Default(faults, "MaxSharing", &cfg.MaxSharing, 1)
	fault.Negative(faults, "ReplaceAfter", cfg.ReplaceAfter, "")
	// To lend exclusively is to share with one caller.
	if cfg.TargetSharing > 1 {
		faults.Add("TargetSharing is %d, %s", cfg.TargetSharing, remedy)
	}
	if cfg.MaxSharing > 1 {
		faults.Add("MaxSharing is %d, %s", cfg.MaxSharing, remedy)
	}
	if cfg.ReplaceAfter > 0 {
		faults.Add("ReplaceAfter is %v, %s", cfg.ReplaceAfter, remedy)
	}
}

// completeShared fills in the defaults of a shared pool.
func (cfg *Config) completeShared(faults *fault.List) {
	if cfg.MaxSharing > 0 && cfg.TargetSharing > cfg.MaxSharing {
		faults.Add("TargetSharing %d exceeds MaxSharing %d: set a lower TargetSharing, or leave it out", cfg.TargetSharing, cfg.MaxSharing)
	}
	fault.Default(faults, "MaxSize", &cfg.MaxSize, 4)
	fault.Default(faults, "ReplaceAfter", &cfg.ReplaceAfter, 30*time.Second)
	// If only one of the two is given, the default of the other gives way.
	fault.Default(faults, "MaxSharing", &cfg.MaxSharing, max(128, cfg.TargetSharing))
	fault.Default(faults, "TargetSharing", &cfg.TargetSharing, min(32, cfg.MaxSharing))
	if cfg.MaxSharing > maxSharing {
		faults.Add("MaxSharing %d exceeds %d: set a lower one, or leave it out", cfg.MaxSharing, maxSharing)
	}
}
