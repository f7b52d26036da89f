// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"cmp"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

const (
	defaultAddress = "127.0.0.1:0"
	defaultVersion = "v2.4.2-milvustest"

	// How long Restart waits for its port, which the system may have given to
	// another socket for a moment.
	relistenAttempts = 50
	relistenPause    = 20 * time.Millisecond

	acceptPause = 5 * time.Millisecond
)

// ErrClosed is returned by Restart after Close.
var ErrClosed = errors.New("milvus test server is closed")

// Config says where a server listens and which credentials it accepts. The zero
// value is a server on a free port of 127.0.0.1 that accepts every caller.
type Config struct {
	// Address is the host:port to listen on. Empty means 127.0.0.1:0, a free
	// port of this machine.
	Address string

	// Username and Password are required from callers if one of them is set.
	Username, Password string

	// APIKey is accepted from callers if it is set. If Username or Password is
	// set too, a caller needs only one of both.
	APIKey string

	// TLS makes the server speak TLS with this configuration. The server does
	// not change it. Nil means plain text.
	TLS *tls.Config

	// TimeTick is how often the server learns how far the writes have come. A search
	// or a query with Strong consistency waits for the next tick, as in Milvus, whose
	// default is 200 ms; one with Session or Customized consistency waits if its
	// timestamp is later than the last tick. Zero means that no read waits.
	TimeTick time.Duration

	// Version is the version of Milvus, such as "v2.3.5", that GetVersion and Connect
	// return. The server behaves as 2.3 if it is before 2.4, and else as 2.4 and
	// later. Empty means "v2.4.2-milvustest".
	Version string

	// TracerProvider makes the spans of the server, as Milvus makes them: Proxy-Search
	// below the trace context that the caller has sent, Proxy-Search-Execute below it,
	// and Delegator-waitTSafe for the wait for a tick, and the same for other calls. Nil
	// means no spans. The caller shuts it down after the server is closed.
	TracerProvider trace.TracerProvider
}

// Server is a Milvus server in this process. All its methods may be called at
// any time from any goroutine.
type Server struct {
	cfg    Config
	as     release   // whose behavior it has
	born   time.Time // the ticks are counted from here
	addr   string
	store  *store
	conns  conns
	calls  calls
	spans  spans
	faults faults

	accepted  atomic.Pointer[account]
	atRestart atomic.Pointer[account] // what the next Restart makes the server accept; nil for no change
	unhealthy atomic.Pointer[[]string]

	life   sync.Mutex // serializes Stop, Restart, GoAway and Close, and guards the fields below
	closed bool
	run    *run // nil while stopped

	done    chan struct{}  // closed by Close
	outages sync.WaitGroup // of the faults with Down
}

// New returns a server that listens. The caller must Close it. Tests use [Start].
func New(cfg Config) (*Server, error) {
	cfg.Address = cmp.Or(cfg.Address, defaultAddress)
	cfg.Version = cmp.Or(cfg.Version, defaultVersion)
	as, err := parseRelease(cfg.Version)
	if err != nil {
		return nil, err
	}
	lis, err := net.Listen("tcp", cfg.Address)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, as: as, born: time.Now(), addr: lis.Addr().String(), store: newStore(as), done: make(chan struct{})}
	s.spans = newSpans(cfg.TracerProvider)
	s.SetCredentials(cfg.Username, cfg.Password, cfg.APIKey)
	s.run = s.serve(lis)
	return s, nil
}

// Addr returns the host:port the server listens on. It stays the same when the
// server is stopped and restarted.
func (s *Server) Addr() string { return s.addr }

// Close stops the server for good and returns when none of its goroutines runs
// any more. Further calls do nothing.
func (s *Server) Close() error {
	s.life.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	s.stop()
	s.life.Unlock()
	s.outages.Wait()
	return nil
}

// Stop ends the server as kill -9 would: the listener and every connection are
// closed at once, calls in flight fail, and new connections are refused. Data
// and faults stay. It returns when every handler has ended.
func (s *Server) Stop() {
	s.life.Lock()
	defer s.life.Unlock()
	s.stop()
}

// Restart listens again on the same address, with the same data. It first stops
// a server that runs. It returns ErrClosed after Close.
func (s *Server) Restart() error {
	s.life.Lock()
	defer s.life.Unlock()
	return s.restart()
}

func (s *Server) restart() error {
	if s.closed {
		return ErrClosed
	}
	s.stop()
	if next := s.atRestart.Swap(nil); next != nil {
		s.accepted.Store(next)
	}
	lis, err := net.Listen("tcp", s.addr)
	for range relistenAttempts {
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
		time.Sleep(relistenPause)
		lis, err = net.Listen("tcp", s.addr)
	}
	if err != nil {
		return err
	}
	s.run = s.serve(lis)
	return nil
}

// CloseConns closes n TCP connections, the oldest first; all of them if n is
// negative. The server goes on listening. It returns how many it closed.
func (s *Server) CloseConns(n int) int { return s.conns.cut(n) }

// Conns returns the number of TCP connections that are open now.
func (s *Server) Conns() int {
	open, _ := s.conns.counts()
	return open
}

// Connections returns the TCP connections that are open now, the oldest first, with the
// calls of each.
func (s *Server) Connections() []Connection { return s.conns.list() }

// Accepted returns the number of TCP connections accepted since the start,
// restarts included.
func (s *Server) Accepted() int {
	_, accepted := s.conns.counts()
	return accepted
}

// GoAway sends every connection a graceful GOAWAY: calls in flight are answered,
// then the connection is closed, and the next call of a client opens a new one.
// GoAway does not wait for that. On a stopped server it does nothing.
func (s *Server) GoAway() {
	s.life.Lock()
	defer s.life.Unlock()
	s.goAway()
}

func (s *Server) goAway() {
	if s.run == nil {
		return
	}
	old := s.run.current.Load()
	s.run.add(s.newGRPC())
	old.lis.Close()
	s.run.tasks.Go(old.grpc.GracefulStop)
}

// tryGoAway is GoAway for a handler, which must not wait for a Stop: that waits for the
// handlers.
func (s *Server) tryGoAway() {
	if s.life.TryLock() {
		defer s.life.Unlock()
		s.goAway()
	}
}

// goDown stops the server, and restarts it after d unless it is closed. It does not
// wait, because a handler calls it.
func (s *Server) goDown(d time.Duration) {
	s.outages.Go(func() {
		s.Stop()
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			s.life.Lock()
			defer s.life.Unlock()
			if s.run == nil { // Nobody has restarted it meanwhile.
				_ = s.restart() // It fails after Close, and if another process took the port.
			}
		case <-s.done:
		}
	})
}

// SetUnhealthy makes CheckHealth answer that the server is not healthy, for
// these reasons. Without reasons the server is healthy again. No other call
// changes.
func (s *Server) SetUnhealthy(reasons ...string) {
	reasons = slices.Clone(reasons)
	s.unhealthy.Store(&reasons)
}

func (s *Server) stop() {
	if s.run != nil {
		s.run.stop(&s.conns)
		s.run = nil
	}
}

// run is the time from Start or Restart to the next stop.
type run struct {
	lis   net.Listener
	ended chan struct{} // closed when the accept loop has ended
	tasks sync.WaitGroup

	// generations are the gRPC servers of this run, guarded by Server.life: a
	// GOAWAY stops one and starts another. A new connection goes to the current
	// one.
	generations []*generation
	current     atomic.Pointer[generation]
}

type generation struct {
	grpc *grpc.Server
	lis  *handoff
}

func (s *Server) serve(lis net.Listener) *run {
	r := &run{lis: lis, ended: make(chan struct{})}
	r.add(s.newGRPC())
	go r.accept(&s.conns)
	return r
}

// The limits of Milvus' own configuration, proxy.grpc.serverMaxRecvSize and serverMaxSendSize.
const (
	maxRequest = 64 << 20
	maxReply   = 256 << 20
)

func (s *Server) newGRPC() *grpc.Server {
	opts := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxRequest),
		grpc.MaxSendMsgSize(maxReply),
		// The policy of Milvus. The default would close the connection of a
		// client that pings while it is idle.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(s.intercept),
		grpc.WaitForHandlers(true),
	}
	if s.cfg.TLS != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(s.cfg.TLS)))
	}
	srv := grpc.NewServer(opts...)
	milvuspb.RegisterMilvusServiceServer(srv, &service{server: s, store: s.store})
	return srv
}

func (r *run) add(srv *grpc.Server) {
	g := &generation{srv, newHandoff(r.lis.Addr())}
	r.generations = append(r.generations, g)
	r.current.Store(g)
	r.tasks.Go(func() { _ = g.grpc.Serve(g.lis) }) // It returns an error when its listener is closed, which is how it ends.
}

func (r *run) accept(conns *conns) {
	defer close(r.ended)
	for {
		c, err := r.lis.Accept()
		switch {
		case err == nil:
			r.give(conns.track(c))
		case errors.Is(err, net.ErrClosed):
			return
		default: // No file descriptor, or the client left before it was accepted.
			time.Sleep(acceptPause)
		}
	}
}

func (r *run) give(c net.Conn) {
	for {
		g := r.current.Load()
		select {
		case g.lis.conns <- c:
			return
		case <-g.lis.done:
			// The run is stopped, unless a GOAWAY has started another generation.
			if r.current.Load() == g {
				c.Close()
				return
			}
		}
	}
}

func (r *run) stop(conns *conns) {
	r.lis.Close()
	for _, g := range r.generations {
		g.lis.Close()
	}
	<-r.ended
	// Before the gRPC servers stop, so that clients see broken connections and
	// no GOAWAY.
	conns.cut(-1)
	for _, g := range r.generations {
		g.grpc.Stop()
	}
	r.tasks.Wait()
}
