// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

// ErrDiffers is matched by what [Shared] returns if the pool for that server
// was made with another configuration.
var ErrDiffers = errors.New("milvus: the shared pool has another configuration")

// Handle is a share in a pool that serves the whole process, see [Shared]. It is
// a core.Source, and safe for concurrent use.
type Handle struct {
	shared *sharedPool
	closed atomic.Bool
	over   chan struct{} // closed when the first Close is done; then err is set
	err    error
}

var _ core.Source[*Conn] = (*Handle)(nil)

// Shared returns a handle on the one pool of this process for the address, the
// database and the credentials of cfg: the first call makes it, and the last
// handle that is closed closes it. Everything else in cfg must be the same in
// each call while the pool lives, or the error matches [ErrDiffers] and names
// what differs.
//
// As with [NewPool], nothing is dialed before the pool is used or started.
func Shared(cfg Config) (*Handle, error) {
	cfg = cfg.withDefaults()
	key := sharedKeyOf(cfg)
	sharedPools.mu.Lock()
	defer sharedPools.mu.Unlock()
	s := sharedPools.byKey[key]
	if s == nil {
		p, err := NewPool(cfg)
		if err != nil {
			return nil, err
		}
		s = &sharedPool{key: key, cfg: cfg, pool: p}
		// They are in the key, and nobody needs them twice.
		s.cfg.Username, s.cfg.Password, s.cfg.APIKey = "", "", ""
		sharedPools.byKey[key] = s
	} else if differs := s.cfg.differences(cfg); len(differs) > 0 {
		return nil, fmt.Errorf("%w for %s: other %s", ErrDiffers, cfg.Address, strings.Join(differs, ", "))
	}
	s.handles++
	return &Handle{shared: s, over: make(chan struct{})}, nil
}

// sharedPool is a pool with a count of those who use it.
type sharedPool struct {
	key     sharedKey
	cfg     Config // without credentials
	pool    *pool.Pool[*Conn]
	handles int // guarded by sharedPools.mu
}

var sharedPools = struct {
	mu    sync.Mutex
	byKey map[sharedKey]*sharedPool // those with a handle; guarded by mu
}{byKey: map[sharedKey]*sharedPool{}}

// sharedKey says which pool a configuration belongs to. It holds no secret.
type sharedKey struct {
	address, database string
	credentials       [sha256.Size]byte
}

func sharedKeyOf(cfg Config) sharedKey {
	// With a key of this process' own, so that nobody who sees the hash can try
	// passwords on it.
	hash := hmac.New(sha256.New, hashKey())
	for _, s := range []string{cfg.Username, cfg.Password, cfg.APIKey} {
		_ = binary.Write(hash, binary.BigEndian, uint64(len(s))) // a hash never fails
		hash.Write([]byte(s))
	}
	key := sharedKey{address: cfg.Address, database: cfg.Namespace()}
	hash.Sum(key.credentials[:0])
	return key
}

var hashKey = sync.OnceValue(func() []byte {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return key
})

// differences names the fields, other than those of the key, in which two
// configurations with defaults differ.
func (c Config) differences(other Config) (names []string) {
	if c.TLS != other.TLS {
		names = append(names, "TLS")
	}
	if !slices.EqualFunc(c.DialOptions, other.DialOptions, func(a, b grpc.DialOption) bool { return same(a, b) }) {
		names = append(names, "DialOptions")
	}
	mine, theirs := reflect.ValueOf(c.Pool), reflect.ValueOf(other.Pool)
	for i := range mine.NumField() {
		if !same(mine.Field(i).Interface(), theirs.Field(i).Interface()) {
			names = append(names, "Pool."+mine.Type().Field(i).Name)
		}
	}
	return names
}

// same compares values some of which cannot be compared, and are then never
// the same.
func same(a, b any) bool {
	if f, g := reflect.ValueOf(a), reflect.ValueOf(b); f.Kind() == reflect.Func && g.Kind() == reflect.Func {
		return f.IsNil() && g.IsNil()
	}
	return (a == nil || reflect.ValueOf(a).Comparable()) && (b == nil || reflect.ValueOf(b).Comparable()) && a == b
}

// Pool returns the pool, for [Probe], [ReadyCheck] and its Stats. It belongs to
// the other handles too: it must not be closed or drained.
func (h *Handle) Pool() *pool.Pool[*Conn] { return h.shared.pool }

// Acquire borrows a connection, see [pool.Pool.Acquire]. After Close it returns
// pool.ErrClosed.
func (h *Handle) Acquire(ctx context.Context) (core.Lease[*Conn], error) {
	if h.closed.Load() {
		return core.Lease[*Conn]{}, h.errClosed()
	}
	return h.shared.pool.Acquire(ctx)
}

// Do runs fn on a borrowed connection and gives it back, see [pool.Pool.Do].
// After Close it returns pool.ErrClosed.
func (h *Handle) Do(ctx context.Context, fn func(context.Context, *Conn) error) error {
	if h.closed.Load() {
		return h.errClosed()
	}
	return h.shared.pool.Do(ctx, fn)
}

func (h *Handle) errClosed() error {
	return fmt.Errorf("milvus: the handle on pool %q is closed: %w", h.shared.pool.Name(), pool.ErrClosed)
}

// Close gives the handle up. The last one closes the pool, see
// [pool.Pool.Close]; the others return at once, and leases that were taken
// through them stay out until they are given back. Only the first call on a
// handle counts; further ones wait for it, no longer than their own ctx, and
// return the same error.
func (h *Handle) Close(ctx context.Context) error {
	if !h.closed.Swap(true) {
		if h.leave() {
			h.err = h.shared.pool.Close(ctx)
		}
		close(h.over)
		return h.err
	}
	select {
	case <-h.over:
		return h.err
	default:
	}
	select {
	case <-h.over:
		return h.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave reports whether this was the last handle. From then on Shared makes a
// new pool, also while the old one drains.
func (h *Handle) leave() (last bool) {
	sharedPools.mu.Lock()
	defer sharedPools.mu.Unlock()
	h.shared.handles--
	if h.shared.handles > 0 {
		return false
	}
	delete(sharedPools.byKey, h.shared.key)
	return true
}
