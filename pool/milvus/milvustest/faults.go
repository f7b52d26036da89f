// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"context"
	"math/rand/v2"
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

// Fault makes the calls that it applies to go wrong. It first holds a call (Delay and
// Latency, then Hang), then does something to the server (GoAway), and then replaces
// the answer (Down, Drop, or else Err, or else Status). A fault without an answer
// leaves it to the handler.
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

	// Latency is drawn for each call and added to Delay, such as [Exponential].
	// Nil adds nothing.
	Latency Latency

	// Hang holds the call until the caller leaves, the server is stopped, or the
	// fault is removed.
	Hang bool

	// Drop cuts the connection of the call. Other calls on that connection fail
	// with it.
	Drop bool

	// GoAway sends every connection a graceful GOAWAY, as [Server.GoAway] does. The
	// call itself goes on.
	GoAway bool

	// Down stops the server as [Server.Stop] does, and restarts it after this long.
	// The call fails with its connection. Zero does not stop the server; to restart
	// it by hand use Stop and Restart.
	Down time.Duration

	// Times is the number of calls the fault applies to. Zero means all until it
	// is removed.
	Times int

	// Skip is the number of calls that the fault leaves out first.
	Skip int

	// If narrows the fault to the calls for which it returns true, such as those
	// for one collection (see [CollectionOf]) or of one client: the context has what
	// gRPC knows of the call, such as its peer. It is called for one call
	// at a time. It must not block, inject a fault or remove one. Nil means every call.
	If func(ctx context.Context, request any) bool

	// Share is the share of those calls that the fault applies to, above zero and
	// below one: with 0.01, one call in each hundred. Which one of the hundred is
	// chosen at random, and the same for the same Seed. Zero means every call.
	Share float64

	// Chance is the chance with which the fault applies to each call, above zero and
	// below one. Unlike with Share, chance alone decides how many of a hundred calls
	// it strikes. Zero means every call.
	Chance float64

	// Above narrows the fault to the calls beyond this number in a second, as a rate
	// limit does; it lets as many calls pass at once. Zero means every call.
	Above float64

	// Seed decides which calls a fault with a Share or a Chance applies to, and what
	// Latency draws.
	Seed uint64
}

func (f *Fault) answers() bool { return f.Down > 0 || f.Drop || f.Err != nil || f.Status != nil }

// CollectionOf returns the collection that a request names, "" if it names none.
func CollectionOf(request any) string {
	if r, ok := request.(interface{ GetCollectionName() string }); ok {
		return r.GetCollectionName()
	}
	return ""
}

// Inject makes f apply to the calls that arrive from now on. Several faults may apply
// to a call: all that hold it without an answer, so that their delays add up, and of
// those with an answer the one that was injected first. A further fault with an answer
// does not apply to the call, and neither does one with After if the handler does not
// run; it does not count the call. remove removes the fault
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
	choice  choice // guarded by faults.mu
	random  *rand.Rand
	removed chan struct{}
}

// struck is a fault that applies to a call.
type struck struct {
	*injected
	delay time.Duration
}

func (f *faults) add(fault Fault) (remove func()) {
	if fault.Status != nil {
		fault.Status = cloneStatus(fault.Status)
	}
	in := &injected{
		Fault: fault, left: fault.Times, choice: newChoice(fault, time.Now()),
		random: rand.New(rand.NewPCG(fault.Seed, 2)), removed: make(chan struct{}),
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

// take returns the faults that apply to a call of method before and after its handler.
func (f *faults) take(ctx context.Context, method string, request any) (before, after []struck) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.active) == 0 {
		return nil, nil
	}
	before = f.choose(ctx, method, request, false)
	if !slices.ContainsFunc(before, func(s struck) bool { return s.answers() }) {
		after = f.choose(ctx, method, request, true)
	}
	return before, after
}

// choose is take for the faults with this After. It is called with mu held.
func (f *faults) choose(ctx context.Context, method string, request any, after bool) []struck {
	var chosen []struck
	answered := false
	for _, in := range slices.Clone(f.active) {
		switch {
		case in.After != after, in.Method != "" && in.Method != method, answered && in.answers():
			continue
		case in.If != nil && !in.If(ctx, request):
			continue
		case !in.choice.strikes(time.Now()):
			continue
		}
		if in.Times > 0 {
			in.left--
			if in.left == 0 {
				f.drop(in)
			}
		}
		answered = answered || in.answers()
		hit := struck{in, in.Delay}
		if in.Latency != nil {
			hit.delay += max(in.Latency(in.random), 0)
		}
		chosen = append(chosen, hit)
	}
	return chosen
}

// hold waits as the fault says. applies is false if the fault was removed
// meanwhile.
func (in struck) hold(ctx context.Context) (applies bool, err error) {
	if in.delay > 0 {
		timer := time.NewTimer(in.delay)
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

// apply holds a call as the faults say, one after the other. answered is false if none
// of them has an answer.
func (s *Server) apply(ctx context.Context, faults []struck, method string) (reply any, answered bool, err error) {
	var answer *injected
	for _, in := range faults {
		applies, err := in.hold(ctx)
		switch {
		case err != nil:
			return nil, true, err
		case !applies:
			continue
		}
		if in.GoAway {
			s.tryGoAway()
		}
		if in.answers() {
			answer = in.injected
		}
	}
	if answer == nil {
		return nil, false, nil
	}
	reply, err = s.answer(ctx, answer, method)
	return reply, true, err
}

// answer returns the answer of a fault that has one.
func (s *Server) answer(ctx context.Context, in *injected, method string) (any, error) {
	switch {
	case in.Down > 0, in.Drop:
		if in.Down > 0 {
			s.goDown(in.Down)
		} else if p, ok := peer.FromContext(ctx); ok {
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
