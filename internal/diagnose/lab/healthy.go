// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"time"
)

// idle: a service that almost nobody asks.
func idle(s *Service) func(context.Context) {
	s.Load.Set(0.2+s.Random.Float64(), 1)
	return nil
}

// loaded: a service with twice the usual load, some of it in small bursts, and room for
// it.
func loaded(s *Service) func(context.Context) {
	rate := s.Load.Rate()
	s.Load.Set(2*rate, 1)
	return func(context.Context) { s.Load.Set(2*rate, 4) }
}

// plannedRestart: the server is replaced as planned. It asks its clients to leave and
// answers what is under way, and the service replaces its connections.
func plannedRestart(s *Service) func(context.Context) {
	s.Milvus.Pool.MaxLifetime = 8 * time.Second
	pause := time.Duration(500+s.Random.IntN(1000)) * time.Millisecond
	return func(ctx context.Context) {
		s.backend.GoAway()
		sleep(ctx, pause)
		s.client.Pool().Reset("the server is replaced")
	}
}
