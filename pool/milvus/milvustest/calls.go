// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"context"
	"sync"
)

// calls counts RPCs by name. The name "" means all RPCs.
type calls struct {
	mu       sync.Mutex
	received map[string]int
	inFlight map[string]int
	// changed is closed at the next call. It is nil while AwaitCalls is not
	// waiting.
	changed chan struct{}
}

func (c *calls) begin(method string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.received == nil {
		c.received = make(map[string]int)
	}
	if c.inFlight == nil {
		c.inFlight = make(map[string]int)
	}
	for _, name := range []string{method, ""} {
		c.received[name]++
		c.inFlight[name]++
	}
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

func (c *calls) end(method string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inFlight[method]--
	c.inFlight[""]--
}

// Calls returns the number of RPCs received since the start or the last
// ResetCalls, by RPC name such as "Search"; "" means all. A call counts when it
// arrives, before a fault or a handler sees it, and also if it fails.
func (s *Server) Calls(method string) int {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	return s.calls.received[method]
}

// ResetCalls makes Calls and the Calls of Connections count from zero again. InFlight is
// not touched.
func (s *Server) ResetCalls() {
	s.conns.resetCalls()
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	s.calls.received = nil
}

// InFlight returns the number of calls being handled now, by RPC name; "" means
// all. A call is in flight also while a fault delays it or makes it hang.
func (s *Server) InFlight(method string) int {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	return s.calls.inFlight[method]
}

// AwaitCalls blocks until Calls(method) is at least n. It returns the cause of
// ctx when ctx ends first.
func (s *Server) AwaitCalls(ctx context.Context, method string, n int) error {
	for {
		s.calls.mu.Lock()
		if s.calls.received[method] >= n {
			s.calls.mu.Unlock()
			return nil
		}
		if s.calls.changed == nil {
			s.calls.changed = make(chan struct{})
		}
		changed := s.calls.changed
		s.calls.mu.Unlock()

		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
