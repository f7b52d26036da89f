// SPDX-License-Identifier: Apache-2.0

// Package lane lends different connections to different operations of one client: bulk
// writes in a lane of their own do not hold up reads.
package lane

import (
	"context"
	"strings"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/fault"
)

// Lane is a group of connections that some operations use alone.
type Lane struct {
	// Name names the lane. The pool of the lane is called pool/name.
	Name string
	// Takes reports whether an operation uses the lane. The first lane that takes an
	// operation has it; nil takes all, and only the last lane has a nil Takes. Takes must
	// not block, and must give the same answer for the same operation.
	Takes func(core.Op) bool
	// MaxSize is the greatest number of connections of the lane, in place of the
	// pool's. Zero keeps the pool's.
	MaxSize int
}

// Writes reports whether an operation may change the backend.
func Writes(op core.Op) bool { return op.Safety != core.ReadOnly }

// ReadWrite returns two lanes: "write" for operations that may change the backend, and
// "read" for all others.
func ReadWrite() []Lane { return []Lane{{Name: "write", Takes: Writes}, {Name: "read"}} }

// Check returns an error that names everything that is wrong with lanes.
func Check(lanes []Lane) error {
	var faults fault.List
	names := map[string]bool{}
	for i, l := range lanes {
		switch {
		case l.Name == "" || strings.Contains(l.Name, "/"):
			faults.Add("lane %d is called %q: give it a name without a slash", i+1, l.Name)
		case names[l.Name]:
			faults.Add("two lanes are called %q: give each a name of its own", l.Name)
		}
		names[l.Name] = true
		if last := i == len(lanes)-1; last != (l.Takes == nil) {
			faults.Add("lane %q: set Takes in every lane but the last one, which takes what no other lane takes", l.Name)
		}
		fault.Negative(&faults, "MaxSize of lane "+l.Name, l.MaxSize, "that of the pool")
	}
	return faults.Err("lane")
}

// Router is a source that gives each operation a connection of its lane. [NewRouter]
// makes one. It is safe for concurrent use.
type Router[C any] struct {
	lanes   []Lane
	sources []core.Source[C]
}

// NewRouter returns a Router of lanes. There is one source for each lane.
func NewRouter[C any](lanes []Lane, sources []core.Source[C]) *Router[C] {
	return &Router[C]{lanes, sources}
}

var _ core.Source[int] = (*Router[int])(nil)

// AcquireFor leases a connection of the lane of op.
func (r *Router[C]) AcquireFor(ctx context.Context, op core.Op) (core.Lease[C], error) {
	for i := range r.lanes {
		if takes := r.lanes[i].Takes; takes == nil || takes(op) {
			return r.sources[i].Acquire(ctx)
		}
	}
	return r.Acquire(ctx) // not reached: the last lane takes all
}

// Acquire leases a connection of the last lane.
func (r *Router[C]) Acquire(ctx context.Context) (core.Lease[C], error) {
	return r.sources[len(r.sources)-1].Acquire(ctx)
}

// NamesHolders reports whether the sources keep who has their connections.
func (r *Router[C]) NamesHolders() bool {
	namer, ok := r.sources[0].(interface{ NamesHolders() bool })
	return ok && namer.NamesHolders()
}
