// SPDX-License-Identifier: Apache-2.0

package milvusv2

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/milvusbase"
	"github.com/penstock-go/penstock/internal/once"
	"github.com/penstock-go/penstock/pool"
)

// ErrDiffers is matched by the error of [Shared] if the shared pool was made with
// another configuration.
var ErrDiffers = errors.New("milvus: the shared pool has another configuration")

// Handle is one share in a pool that serves the whole process, see [Shared]. It is
// a core.Source and is safe for concurrent use.
type Handle struct {
	shared *sharedPool
	closer once.Closer
}

var _ core.Source[*Conn] = (*Handle)(nil)

// Shared returns a handle on the one pool of this process for the address or
// the set of addresses, the database and the credentials of cfg. The first call makes the pool, and the
// Close of its last handle closes it. While the pool lives, everything else in cfg
// must be the same in each call, or the error matches [ErrDiffers] and names the
// fields that differ. Two functions are never the same, so a cfg with Credentials
// has one handle at a time.
//
// As with [NewPool], the pool does not connect before it is used or started.
func Shared(cfg Config) (*Handle, error) {
	cfg = cfg.oneAddress().withDefaults()
	key := sharedKeyOf(cfg)
	sharedPools.mu.Lock()
	defer sharedPools.mu.Unlock()
	s := sharedPools.byKey[key]
	if s == nil {
		p, err := poolOf(cfg)
		if err != nil {
			return nil, err
		}
		s = &sharedPool{key: key, cfg: cfg, pool: p}
		// The key has a hash of the credentials, and the factory has the rest.
		s.cfg.Username, s.cfg.Password, s.cfg.APIKey = "", Secret{}, Secret{}
		sharedPools.byKey[key] = s
	} else if differs := s.cfg.differences(cfg); len(differs) > 0 {
		return nil, fmt.Errorf("%w for %s: other %s", ErrDiffers, cfg.servers().Place(), strings.Join(differs, ", "))
	}
	s.handles++
	return &Handle{shared: s}, nil
}

// sharedPool is a pool with the number of its handles.
type sharedPool struct {
	key     sharedKey
	cfg     Config // without credentials
	pool    source
	handles int // guarded by sharedPools.mu
}

var sharedPools = struct {
	mu    sync.Mutex
	byKey map[sharedKey]*sharedPool // pools that have a handle; guarded by mu
}{byKey: map[sharedKey]*sharedPool{}}

// sharedKey identifies the pool for a configuration. It holds no secret.
type sharedKey struct {
	address, database string
	credentials       [sha256.Size]byte
}

func sharedKeyOf(cfg Config) sharedKey {
	// The hash is keyed with a random value of this process: without the value a
	// hash is no help in guessing the password.
	hash := hmac.New(sha256.New, milvusbase.ProcessKey())
	for _, s := range []string{cfg.Username, milvusbase.Reveal(cfg.Password), milvusbase.Reveal(cfg.APIKey)} {
		_ = binary.Write(hash, binary.BigEndian, uint64(len(s))) // a hash returns no error
		hash.Write([]byte(s))
	}
	key := sharedKey{address: cfg.servers().Key(), database: cfg.Namespace()}
	hash.Sum(key.credentials[:0])
	return key
}

// differences returns the names of the fields in which two configurations with
// defaults differ. It leaves out the fields of the key.
func (c Config) differences(other Config) (names []string) {
	if !same(c.Credentials, other.Credentials) {
		names = append(names, "Credentials")
	}
	if c.TLS != other.TLS {
		names = append(names, "TLS")
	}
	if c.TLSFiles != other.TLSFiles {
		names = append(names, "TLSFiles")
	}
	if !slices.EqualFunc(c.DialOptions, other.DialOptions, func(a, b grpc.DialOption) bool { return same(a, b) }) {
		names = append(names, "DialOptions")
	}
	if c.Endpoints != other.Endpoints {
		names = append(names, "Endpoints")
	}
	if c.PropagationDisabled != other.PropagationDisabled {
		names = append(names, "PropagationDisabled")
	}
	if c.QueryText != other.QueryText {
		names = append(names, "QueryText")
	}
	mine, theirs := reflect.ValueOf(c.Pool), reflect.ValueOf(other.Pool)
	for i := range mine.NumField() {
		if !same(mine.Field(i).Interface(), theirs.Field(i).Interface()) {
			names = append(names, "Pool."+mine.Type().Field(i).Name)
		}
	}
	return names
}

// same reports whether two values are equal. Values that Go cannot compare are
// never the same, except two nil functions.
func same(a, b any) bool {
	if f, g := reflect.ValueOf(a), reflect.ValueOf(b); f.Kind() == reflect.Func && g.Kind() == reflect.Func {
		return f.IsNil() && g.IsNil()
	}
	return (a == nil || reflect.ValueOf(a).Comparable()) && (b == nil || reflect.ValueOf(b).Comparable()) && a == b
}

// Pool returns the pool, for its Name and its Stats. The pool belongs to the other
// handles too: it must not be closed or drained. It is nil with several endpoints.
func (h *Handle) Pool() *pool.Pool[*Conn] {
	p, _ := h.shared.pool.(*pool.Pool[*Conn])
	return p
}

// Acquire leases a connection, see [pool.Pool.Acquire]. After Close it returns
// pool.ErrClosed.
func (h *Handle) Acquire(ctx context.Context) (core.Lease[*Conn], error) {
	if h.closer.Begun() {
		return core.Lease[*Conn]{}, h.errClosed()
	}
	return h.shared.pool.Acquire(ctx)
}

// Do runs fn on a connection and releases it, see [pool.Pool.Do]. After Close it
// returns pool.ErrClosed.
func (h *Handle) Do(ctx context.Context, fn func(context.Context, *Conn) error) error {
	if h.closer.Begun() {
		return h.errClosed()
	}
	return pool.Run(ctx, h.shared.pool, fn)
}

func (h *Handle) errClosed() error {
	return fmt.Errorf("milvus: the handle on pool %q is closed: %w", h.shared.pool.Name(), pool.ErrClosed)
}

// Close closes the handle. The Close of the last handle closes the pool, see
// [pool.Pool.Close]. The Close of any other handle returns at once, and leases that
// were acquired through the handle stay valid until they are released. Only the
// first call on a handle counts; any other call waits for the first one, no longer
// than its own ctx lasts, and returns the same error.
func (h *Handle) Close(ctx context.Context) error {
	return h.closer.Close(ctx, func(ctx context.Context) error {
		if !h.leave() {
			return nil
		}
		return h.shared.pool.Close(ctx)
	})
}

// leave takes the handle off its pool and reports whether it was the last one.
// After the last one Shared makes a new pool, also while the old pool drains.
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
