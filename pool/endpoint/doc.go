// SPDX-License-Identifier: Apache-2.0

// Package endpoint lends connections to one backend that has several addresses.
//
// A [Balancer] is a core.Source made of one pool.Pool for each endpoint, which is an
// address of the backend. Each lease is of the better one of two endpoints that are
// chosen at random. The better one has the smaller load: its latency, as a moving average
// that follows a rise at once and a fall slowly (peak EWMA), times the calls in flight.
// Both ideas are those of Finagle (aperture and p2c with peak EWMA,
// https://twitter.github.io/finagle/guide/Clients.html#load-balancing).
//
// An endpoint that fails, hangs, or is far slower than the others is ejected: it gets no
// new lease. Calls that are under way on it go on; if they fail, that is known already, and
// counts as neutral, for a circuit breaker for example. After a time that grows with each
// ejection the Balancer pings the endpoint, and lets it back in when the ping succeeds.
// While more than half of the endpoints are ejected, ejections have no effect, because
// then the fault may well be elsewhere, and the rest could not carry the load (panic
// mode). The terms are those of Envoy's outlier detection and of gRPC's proposal A50.
//
// No lock is held while a connection is dialed, and a caller waits for an endpoint
// without a connection only if no other endpoint has one.
package endpoint
