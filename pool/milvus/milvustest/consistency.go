// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"context"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"google.golang.org/grpc/status"
)

// Timestamps by which a client that sends no consistency level says which one it
// wants.
const (
	strongTimestamp     = 0
	eventuallyTimestamp = 1
	boundedTimestamp    = 2
)

// reader is a request to search or to query.
type reader interface {
	GetDbName() string
	GetCollectionName() string
	GetConsistencyLevel() commonpb.ConsistencyLevel
	GetUseDefaultConsistency() bool
	GetGuaranteeTimestamp() uint64
}

// awaitTick waits until the server has learned of every write that the read has to
// see. It returns the error of the RPC if ctx ends first. The answer would be the same
// without the wait.
func (h *service) awaitTick(ctx context.Context, req reader) (err error) {
	if h.server.cfg.TimeTick <= 0 {
		return nil
	}
	ctx, endSpan := h.server.spans.wait(ctx)
	defer func() { endSpan(err) }()
	wait := time.Until(h.server.tickAfter(h.guaranteed(ctx, req)))
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

// tickAfter returns the time of the first tick that is not before t.
func (s *Server) tickAfter(t time.Time) time.Time {
	tick := s.cfg.TimeTick
	n := (t.Sub(s.born) + tick - 1) / tick
	return s.born.Add(n * tick)
}

// guaranteed returns the time up to which the read has to see all writes. The zero
// time means that it need not see any.
func (h *service) guaranteed(ctx context.Context, req reader) time.Time {
	level, timestamp := req.GetConsistencyLevel(), req.GetGuaranteeTimestamp()
	if req.GetUseDefaultConsistency() {
		h.store.mu.RLock()
		if c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName()); err == nil {
			level = c.consistency
		}
		h.store.mu.RUnlock()
		timestamp = strongTimestamp
	}
	switch level {
	case commonpb.ConsistencyLevel_Bounded, commonpb.ConsistencyLevel_Eventually:
		return time.Time{}
	}
	// Strong is the zero level, which clients that send only a timestamp have too.
	switch timestamp {
	case strongTimestamp:
		if level == commonpb.ConsistencyLevel_Strong {
			return time.Now()
		}
		return time.Time{} // a session without a write
	case eventuallyTimestamp, boundedTimestamp:
		return time.Time{}
	default:
		return time.UnixMilli(int64(physicalMillis(timestamp)))
	}
}
