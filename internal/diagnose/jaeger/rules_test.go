// SPDX-License-Identifier: Apache-2.0

package jaeger_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/diagnose/diagnosis"
	"github.com/penstock-go/penstock/internal/diagnose/jaeger"
	"github.com/penstock-go/penstock/internal/diagnose/lab"
)

const (
	refusedDial = "connection error: desc = \"transport: error while dialing: dial tcp 127.0.0.1:1: connect: connection refused\" (UNAVAILABLE)"
	open        = "circuit breaker is open for another 1.2s"
	down        = "backend is down, by its health probes"
	timedOut    = "attempt timed out after 500ms"
)

// afterwards refuses operations because of cause, from the third second of the fault on.
func afterwards(i int, o *op, kind string, cause tags) bool {
	if i < 40 {
		return false
	}
	o.refused(kind, open, cause)
	return true
}

func cause(kind, text, probe string, reopened int) tags {
	return tags{
		"penstock.cause.type": kind, "penstock.cause.message": text, "penstock.probe.result": probe,
		"penstock.circuit_breaker.state": "open", "penstock.circuit_breaker.reopened": float64(reopened),
	}
}

func isSearch(o *op) bool { return o.name == "" }

// faults are services with each of the faults.
var faults = map[string]func(s *service){
	"bad_credentials": func(s *service) {
		s.well().all(func(i int, o *op) {
			if !afterwards(i, o, "unhealthy", cause("unauthenticated", "auth check failure", "unauthenticated", 0)) {
				o.fails("unauthenticated", "auth check failure")
			}
		})
	},
	"server_rate_limit": func(s *service) {
		s.well().all(func(i int, o *op) {
			if o.target == "faces" && i%2 == 0 {
				o.recovers("rate_limited", "rate limit exceeded[rate=10]")
			}
		})
	},
	"own_rate_limit": func(s *service) {
		s.well().all(func(i int, o *op) {
			if i%2 == 0 {
				o.refused("local_rate_limit", "limited to 40 operations per second", tags{"penstock.ratelimit.limit": 40.})
			}
		})
	},
	"bulkhead_full": func(s *service) {
		s.well().all(func(i int, o *op) {
			if i%2 == 0 {
				o.refused("bulkhead_full", "bulkhead is full with 6 running", tags{"penstock.bulkhead.limit": 6.})
			}
		})
	},
	"pool_too_small": func(s *service) {
		s.well().all(func(i int, o *op) {
			if i%2 == 0 {
				o.starves("Search docs since 31ms trace a; Query docs since 12ms trace b")
			}
		})
	},
	"leaked_connections": func(s *service) {
		s.well().all(func(i int, o *op) {
			if i > 40 {
				o.starves(fmt.Sprintf("unknown operation since %ds; unknown operation since 4.1s", i/20+4))
			}
		})
	},
	"hedging_overload": func(s *service) {
		s.well().load(broken, seconds, func(i int, o *op) bool {
			if i == 0 {
				o.name = "Query" // the first read that is hedged remains fast
			}
			if isSearch(o) {
				o.took *= 10
			}
			if isSearch(o) || o.name == "Query" {
				o.tags["penstock.hedge.outcome"], o.tags["penstock.hedge"] = "lost", false
				second := *o
				second.tags = tags{"penstock.hedge.outcome": "won", "penstock.hedge": true}
				second.twice = true
				s.do(broken+float64(i)/20, *o)
				s.do(broken+float64(i)/20+0.002, second)
				return false
			}
			return true
		})
	},
	"connection_refused": func(s *service) {
		s.well().all(func(int, *op) {})
		for i := range 6 {
			s.dial(broken+float64(i), time.Millisecond, tags{"error.type": "connect_error", "otel.status_description": "cannot dial: " + refusedDial})
		}
	},
	"server_restarted": func(s *service) {
		s.well().load(broken, broken+2, func(i int, o *op) bool {
			if i > 8 {
				o.refused("circuit_open", open, cause("UNAVAILABLE", refusedDial, "UNAVAILABLE", 0))
			} else {
				o.fails("UNAVAILABLE", refusedDial)
			}
			return true
		})
		s.load(broken+2, seconds, nil)
	},
	"backend_down": func(s *service) {
		s.well().all(func(i int, o *op) {
			if !afterwards(i, o, "circuit_open", cause("UNAVAILABLE", refusedDial, "UNAVAILABLE", 3)) {
				o.fails("UNAVAILABLE", refusedDial)
			}
		})
	},
	"black_hole": func(s *service) {
		s.well().all(func(i int, o *op) {
			if !afterwards(i, o, "circuit_open", cause("timeout", timedOut, "timeout", 2)) {
				o.took = 500 * time.Millisecond
				o.fails("timeout", timedOut)
			}
		})
	},
	"one_bad_connection": func(s *service) {
		s.well().all(func(i int, o *op) {
			o.tags["penstock.connection.number"] = float64(1 + i%4)
			if i%4 == 2 {
				o.fails("INTERNAL", "no upstream channel")
			}
		})
	},
	"breaker_open": func(s *service) {
		s.well().all(func(i int, o *op) {
			if i < 8 {
				o.fails("65535", "worker query failed")
			} else {
				o.refused("circuit_open", open, cause("65535", "worker query failed", "ok", 0))
			}
		})
	},
	"half_open_probe_failing": func(s *service) {
		s.well().all(func(i int, o *op) {
			if i < 8 || i%40 == 39 {
				o.fails("65535", "worker query failed")
			} else {
				o.refused("circuit_open", open, cause("65535", "worker query failed", "ok", i/40))
			}
		})
	},
	"health_gate_shut": func(s *service) {
		s.well().all(func(i int, o *op) {
			if i%3 > 0 {
				o.refused("unhealthy", down, cause("1", "service not ready", "1", 0))
			}
		})
	},
	"retry_budget_spent": func(s *service) {
		s.well().all(func(i int, o *op) {
			switch i % 5 {
			case 1, 3:
				o.fails("2", "service unavailable", tags{"penstock.retry.outcome": "budget"})
			case 4:
				o.recovers("2", "service unavailable")
			}
		})
	},
	"strong_consistency": func(s *service) {
		s.well().all(func(i int, o *op) {
			if o.tags["milvus.consistency_level"] != nil || o.target == "faces" && o.name == "" {
				o.tags["milvus.consistency_level"] = "Strong"
				o.took = time.Duration(20+i%17*11) * time.Millisecond
			}
		})
	},
	"slow_backend": func(s *service) {
		s.well().all(func(_ int, o *op) { o.took = 16*o.took - 20*time.Millisecond })
	},
	"deadline_too_short": func(s *service) {
		s.well().all(func(_ int, o *op) {
			if o.target == "faces" {
				o.took = 8 * time.Millisecond
				o.fails("deadline_exceeded", "context deadline exceeded", tags{"penstock.deadline": 0.008, "penstock.timeout.attempt": 0.5})
			}
		})
	},
	"caller_cancelled": func(s *service) {
		s.well().all(func(i int, o *op) {
			if o.name == "Query" {
				o.took = 5 * time.Millisecond
				o.fails("canceled", "context canceled")
			}
		})
	},
	"hanging_call": func(s *service) {
		s.well().all(func(i int, o *op) {
			if o.name == "Insert" && i%5 == 0 {
				o.took = 500 * time.Millisecond
				o.fails("timeout", timedOut, tags{"penstock.retry.outcome": "unsafe"})
			}
		})
	},
	"slow_attempt_then_success": func(s *service) {
		s.well().all(func(i int, o *op) {
			if isSearch(o) && i%5 == 0 {
				o.took = 550 * time.Millisecond
				o.recovers("timeout", timedOut)
			}
		})
	},
	"wrong_collection": func(s *service) {
		s.well().all(func(_ int, o *op) {
			if o.target == "faces" && o.name == "" {
				o.target = "faces_v2"
				o.tags["penstock.answer"], o.tags["db.response.status_code"] = "100", "100"
			}
		})
	},
	"metrics_overflow": func(s *service) {
		s.well().all(func(i int, o *op) {
			if isSearch(o) {
				o.target = fmt.Sprintf("docs_%05d", i*7919%20000)
			}
		})
	},
}

// starves ends an operation that found no connection.
func (o *op) starves(holders string) {
	o.took = 150 * time.Millisecond
	o.tags["penstock.connection.number"] = nil // none
	o.events = append(o.events,
		tags{"event": "penstock.wait", "penstock.stage": "pool", "penstock.wait.duration": 0.15},
		tags{"event": "penstock.pool.exhausted", "penstock.connection.holders": holders})
	o.fails("pool_timeout", "pool exhausted after 150ms", tags{"penstock.timeout.attempt": 0.5})
}

func TestEachFaultIsNamedByItsTraces(t *testing.T) {
	for _, kind := range lab.Kinds() {
		t.Run(kind, func(t *testing.T) {
			s := newService()
			makes := faults[kind]
			if makes == nil {
				t.Fatal("no service has this fault")
			}
			makes(s)
			v := s.diagnosis()
			if v.Kind != kind || len(v.Evidence) == 0 {
				t.Errorf("diagnosis = %+v, want %s with evidence", v, kind)
			}
			for _, id := range v.Evidence {
				if !slices.ContainsFunc(s.traces, func(t jaeger.Trace) bool { return t.ID == id }) {
					t.Errorf("evidence %s is no trace", id)
				}
			}
		})
	}
}

func TestThereIsARuleForEachKindOfTheLab(t *testing.T) {
	var kinds []string
	for _, r := range jaeger.Rules() {
		kinds = append(kinds, r.Kind)
	}
	want := lab.Kinds()
	slices.Sort(kinds)
	slices.Sort(want)
	if !slices.Equal(kinds, want) {
		t.Errorf("rules for\n%v\nwant\n%v", kinds, want)
	}
}

func TestAHealthyServiceIsHealthy(t *testing.T) {
	for name, makes := range map[string]func(*service){
		"steady": func(s *service) { s.load(0, seconds, nil) },
		"idle":   func(s *service) { s.do(3, op{}); s.do(15, op{took: 3 * usual}) },
		"nobody": func(*service) {},
		"twice the load": func(s *service) {
			s.well().all(func(int, *op) {})
			s.load(broken, seconds, func(_ int, o *op) bool { o.took = o.took * 3 / 2; return true })
		},
		"new connections after a planned restart": func(s *service) {
			s.load(0, seconds, nil)
			for i := range 4 {
				s.dial(broken+float64(i)/10, 2*time.Millisecond, nil)
			}
		},
		"errors as ever": func(s *service) {
			s.load(0, seconds, func(i int, o *op) bool {
				if i%50 == 0 {
					o.fails("65535", "worker query failed")
				}
				return true
			})
		},
		"hedges that lose": func(s *service) {
			s.load(0, seconds, func(i int, o *op) bool {
				if i%30 == 0 {
					s.do(float64(i)/20+0.1, op{tags: tags{"penstock.hedge": true, "penstock.hedge.outcome": "lost"}})
				}
				return true
			})
		},
		"a moment without a processor": func(s *service) {
			s.load(0, seconds, func(i int, o *op) bool {
				if i/20 == 12 {
					o.took = 400 * time.Millisecond
				}
				if i/5 == 49 {
					o.took = 600 * time.Millisecond
					o.recovers("timeout", timedOut)
				}
				return true
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService()
			makes(s)
			if v := s.diagnosis(); v.Kind != diagnosis.Healthy {
				t.Errorf("diagnosis = %+v, want healthy", v)
			}
		})
	}
}

func TestWhatNoRuleKnowsIsUnknownInItsPart(t *testing.T) {
	every := func(n int, change func(*op)) func(*service) {
		return func(s *service) {
			s.well().all(func(i int, o *op) {
				if i%n == 0 {
					change(o)
				}
			})
		}
	}
	for name, test := range map[string]struct {
		part  string
		makes func(*service)
	}{
		"a panic in the work": {"caller", every(9, func(o *op) { o.fails("panic", "panic: nil map") })},
		"an invalid request":  {"caller", every(9, func(o *op) { o.fails("invalid_request", "vector has 3 dimensions") })},
		"no permission":       {"caller", every(9, func(o *op) { o.fails("PERMISSION_DENIED", "not allowed") })},
		"too long a queue":    {"pool", every(3, func(o *op) { o.refused("pool_closed", "pool is closed") })},
		"a code of its own":   {"backend", every(9, func(o *op) { o.fails("1804", "disk quota exhausted") })},
		"a certificate":       {"transport", every(3, func(o *op) { o.fails("UNAVAILABLE", "tls: failed to verify certificate: x509: expired") })},
		"a name":              {"transport", every(3, func(o *op) { o.fails("connect_error", "lookup milvus: no such host") })},
		"opened by hand": {"stage", every(1, func(o *op) {
			o.refused("circuit_open", open, tags{"penstock.circuit_breaker.state": "forced_open", "penstock.cause.type": "forced_open"})
		})},
		"a stage of the user": {"stage", every(1, func(o *op) { o.took += 200 * time.Millisecond; o.waits("shaper", 0.2) })},
		"some slow calls":     {"backend", every(23, func(o *op) { o.took = 300 * time.Millisecond })},
		"a quota":             {"backend", every(3, func(o *op) { o.fails("rate_limited", "quota exceeded: memory") })},
		"a job that keeps connections": {"pool", func(s *service) {
			s.well().all(func(i int, o *op) {
				if i%80 > 40 {
					o.starves(fmt.Sprintf("unknown operation since %.1fs", 2.5+float64(i%80)/40))
				}
			})
		}},
		"a server that comes and goes": {"backend", func(s *service) {
			s.well().all(func(i int, o *op) {
				if i%60 < 15 {
					o.fails("UNAVAILABLE", refusedDial)
				}
			})
		}},
		"a slow server under a load": {"caller", func(s *service) {
			s.well()
			for range 5 {
				s.all(func(_ int, o *op) { o.took *= 10 })
			}
		}},
		"a stage that refuses": {"stage", every(9, func(o *op) { o.refused("_OTHER", "no quota for this tenant") })},
		"a tight limit": {"stage", every(3, func(o *op) {
			o.fails("timeout", "attempt timed out after 12ms", tags{"penstock.timeout.attempt": 0.012})
		})},
		"a wrong partition":    {"caller", every(3, func(o *op) { o.tags["penstock.answer"], o.tags["db.response.status_code"] = "200", "200" })},
		"callers that give up": {"backend", every(9, func(o *op) { o.took = 3 * time.Second; o.fails("canceled", "context canceled") })},
		"one slow collection": {"backend", every(1, func(o *op) {
			if o.target == "faces" {
				o.took *= 20
			}
		})},
		"a long deadline": {"backend", every(1, func(o *op) {
			o.took = time.Second
			o.fails("deadline_exceeded", "context deadline exceeded", tags{"penstock.deadline": 1.0})
		})},
		"a collection that is gone": {"backend", every(1, func(o *op) {
			if o.target == "faces" {
				o.tags["penstock.answer"], o.tags["db.response.status_code"] = "100", "100"
			}
		})},
		"connections that do not last": {"pool", func(s *service) {
			s.load(0, seconds, nil)
			for i := range 60 {
				s.dial(broken+float64(i)/5, 2*time.Millisecond, nil)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService()
			test.makes(s)
			if v := s.diagnosis(); v.Kind != diagnosis.Unknown || v.Part != test.part || len(v.Evidence) == 0 {
				t.Errorf("diagnosis = %+v, want unknown in %s", v, test.part)
			}
		})
	}
}

// waits tells a wait in a stage.
func (o *op) waits(stage string, seconds float64) {
	o.events = append(o.events, tags{"event": "penstock.wait", "penstock.stage": stage, "penstock.wait.duration": seconds})
}
