// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"context"
	"encoding/base64"
	"path"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// intercept handles every call: it counts the call, applies faults,
// authenticates the caller, and turns a panic of the handler into an error.
func (s *Server) intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (reply any, err error) {
	method := path.Base(info.FullMethod)
	if p, ok := peer.FromContext(ctx); ok {
		if conn := s.conns.of(p.Addr.String()); conn != nil {
			conn.begin(method)
			defer conn.end()
		}
	}
	s.calls.begin(method)
	defer s.calls.end(method)
	defer func() {
		if p := recover(); p != nil {
			reply, err = nil, status.Errorf(codes.Internal, "milvustest: panic in %s: %v", method, p)
		}
	}()

	ctx, endSpan := s.spans.begin(ctx, method)
	defer func() { endSpan(err) }()
	handle := func() (reply any, err error) {
		ctx, endSpan := s.spans.execute(ctx, method)
		defer func() { endSpan(err) }()
		if err := s.as.lacks(method); err != nil {
			return nil, err
		}
		if err := s.authenticate(ctx); err != nil {
			return nil, err
		}
		return handler(ctx, req)
	}
	before, after := s.faults.take(ctx, method, req)
	if reply, answered, err := s.apply(ctx, before, method); answered {
		return reply, err
	}
	reply, err = handle()
	if replaced, answered, failed := s.apply(ctx, after, method); answered {
		return replaced, failed
	}
	return reply, err
}

// authenticate checks the credentials of the caller as the proxy of Milvus does,
// with its codes and texts.
func (s *Server) authenticate(ctx context.Context) error {
	accepted := s.accepted.Load()
	if *accepted == (account{}) {
		return nil
	}
	given := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(given) == 0 {
		return status.Error(codes.Unauthenticated, "missing authorization in header")
	}
	if accepted.apiKey != "" && given[0] == accepted.apiKey {
		return nil
	}
	token, err := base64.StdEncoding.DecodeString(given[0])
	if err != nil {
		return status.Error(codes.Unauthenticated, "invalid token format")
	}
	if accepted.apiKey != "" && string(token) == accepted.apiKey {
		return nil
	}
	username, password, isPair := strings.Cut(string(token), ":")
	if !isPair {
		return status.Error(codes.Unauthenticated, "auth check failure, please check api key is correct")
	}
	if s.store.isUser(string(token)) {
		return nil
	}
	// A server that has only an API key refuses an empty pair.
	if accepted.username+accepted.password == "" || username != accepted.username || password != accepted.password {
		return status.Error(codes.Unauthenticated, "auth check failure, please check username and password are correct")
	}
	return nil
}

// account is what a server accepts.
type account struct{ username, password, apiKey string }

// SetCredentials replaces the credentials of the Config, as an administrator does: the
// server refuses further calls with other ones, also on connections that are open.
func (s *Server) SetCredentials(username, password, apiKey string) {
	s.accepted.Store(&account{username, password, apiKey})
}

// SetCredentialsAtRestart is SetCredentials for the next Restart, also for the one of a
// fault: until then the server accepts what it accepts now.
func (s *Server) SetCredentialsAtRestart(username, password, apiKey string) {
	s.atRestart.Store(&account{username, password, apiKey})
}
