// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
)

// Fault makes the calls that it applies to go wrong. It first holds a call
// (Delay, then Hang) and then replaces the answer (Drop, or else Err, or else
// Status). A fault that only holds a call leaves the answer to the handler.
type Fault struct {
	// Method is the name of the RPC, such as "Search". Empty means every RPC.
	Method string

	// Err is returned as the error of the RPC; make it with status.Error of gRPC.
	Err error

	// Status becomes the status of the reply: for gRPC the call succeeds. An RPC
	// whose reply has no status fails with codes.Internal instead.
	Status *commonpb.Status

	// After lets the handler run first. The fault then holds and replaces the
	// answer: a write was applied, and the caller does not learn of it.
	After bool

	// Delay holds the call for this long, or until the caller leaves or the
	// fault is removed.
	Delay time.Duration

	// Hang holds the call until the caller leaves, the server is stopped, or the
	// fault is removed.
	Hang bool

	// Drop cuts the connection of the call. Other calls on that connection fail
	// with it.
	Drop bool

	// Times is the number of calls the fault applies to. Zero means all until it
	// is removed.
	Times int

	// If narrows the fault to the calls for which it returns true, such as those
	// for one collection (see [CollectionOf]) or of one client: the context has what
	// gRPC knows of the call, such as its peer. It is called for one call
	// at a time. It must not block, inject a fault or remove one. Nil means every call.
	If func(ctx context.Context, request any) bool

	// Share is the share of those calls that the fault applies to, above zero and
	// below one: with 0.01, one call in each hundred. Which one of the hundred is
	// chosen at random, and the same for the same Seed. Zero means every call.
	Share float64
	// Seed decides which calls a fault with a Share applies to.
	Seed uint64
}

// CollectionOf returns the collection that a request names, "" if it names none.
func CollectionOf(request any) string {
	if r, ok := request.(interface{ GetCollectionName() string }); ok {
		return r.GetCollectionName()
	}
	return ""
}

// Inject makes f apply to the calls that arrive from now on. If several faults
// match a call, only the one injected first applies; a fault whose If or Share
// leaves the call out does not match. remove removes the fault
// and wakes the calls that it holds: they go on as if there had been no fault.
// remove may be called more than once. Faults outlive Stop and Restart.
func (s *Server) Inject(f Fault) (remove func()) {
	return s.faults.add(f)
}

type faults struct {
	mu     sync.Mutex
	active []*injected // guarded by mu, in the order of Inject
}

type injected struct {
	Fault
	left    int    // guarded by faults.mu, counts only if Times is positive
	share   *share // nil without a Share; guarded by faults.mu
	removed chan struct{}
}

func (f *faults) add(fault Fault) (remove func()) {
	if fault.Status != nil {
		fault.Status = cloneStatus(fault.Status)
	}
	in := &injected{Fault: fault, left: fault.Times, removed: make(chan struct{})}
	if fault.Share > 0 && fault.Share < 1 {
		in.share = newShare(fault.Share, fault.Seed)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.active = append(f.active, in)
	return sync.OnceFunc(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.drop(in)
		close(in.removed)
	})
}

// drop is called with mu held.
func (f *faults) drop(in *injected) {
	f.active = slices.DeleteFunc(f.active, func(other *injected) bool { return other == in })
}

// take returns the fault that applies to a call of method, or nil.
func (f *faults) take(ctx context.Context, method string, request any) *injected {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, in := range f.active {
		switch {
		case in.Method != "" && in.Method != method:
			continue
		case in.If != nil && !in.If(ctx, request):
			continue
		case in.share != nil && !in.share.strikes():
			continue
		}
		if in.Times > 0 {
			in.left--
			if in.left == 0 {
				f.drop(in)
			}
		}
		return in
	}
	return nil
}

// hold waits as the fault says. applies is false if the fault was removed
// meanwhile.
func (in *injected) hold(ctx context.Context) (applies bool, err error) {
	if in.Delay > 0 {
		timer := time.NewTimer(in.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-in.removed:
			return false, nil
		case <-ctx.Done():
			return false, status.FromContextError(ctx.Err()).Err()
		}
	}
	if in.Hang {
		select {
		case <-in.removed:
			return false, nil
		case <-ctx.Done():
			return false, status.FromContextError(ctx.Err()).Err()
		}
	}
	return true, nil
}

func (in *injected) answers() bool { return in.Drop || in.Err != nil || in.Status != nil }

// answer returns the answer of a fault that has one.
func (s *Server) answer(ctx context.Context, in *injected, method string) (any, error) {
	switch {
	case in.Drop:
		if p, ok := peer.FromContext(ctx); ok {
			s.conns.cutPeer(p.Addr.String())
		}
		// No answer may be written, so this waits until gRPC has noticed the cut.
		<-ctx.Done()
		return nil, status.FromContextError(ctx.Err()).Err()
	case in.Err != nil:
		return nil, in.Err
	default:
		return replyWith(method, in.Status)
	}
}

var (
	statusType   = reflect.TypeFor[*commonpb.Status]()
	serviceIface = reflect.TypeFor[milvuspb.MilvusServiceServer]()
)

// replyWith returns the reply of method with the status st and nothing else.
func replyWith(method string, st *commonpb.Status) (any, error) {
	m, ok := serviceIface.MethodByName(method)
	if !ok {
		return nil, status.Errorf(codes.Internal, "milvustest: no RPC %s to answer with a status", method)
	}
	replyType := m.Type.Out(0)
	if replyType == statusType {
		return cloneStatus(st), nil
	}
	reply := reflect.New(replyType.Elem())
	field := reply.Elem().FieldByName("Status")
	if !field.IsValid() || field.Type() != statusType {
		return nil, status.Errorf(codes.Internal, "milvustest: the reply of %s has no status", method)
	}
	field.Set(reflect.ValueOf(cloneStatus(st)))
	return reply.Interface(), nil
}

func cloneStatus(st *commonpb.Status) *commonpb.Status {
	clone := &commonpb.Status{}
	proto.Merge(protoadapt.MessageV2Of(clone), protoadapt.MessageV2Of(st))
	return clone
}
