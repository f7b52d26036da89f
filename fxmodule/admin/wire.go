// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"time"

	"github.com/penstock-go/penstock"
)

// This file is what the endpoints say, and what the page reads. Version 1.
//
// Times are RFC 3339 in UTC. Durations are in seconds, and rates in events a second.
// All texts may hold any character: the page escapes them.
//
// GET /snapshot.json            a State, with all clients without their history
// GET /snapshot.json?client=id  a State with that client alone, whole
// GET /events?client=id         Server-Sent Events, see Tick; the client is optional
// POST /actions                 an Action in the body, a Result in the answer
//
// The stream has two kinds of messages. "state" comes first: a State with a Summary of
// each client, and the client that is looked at whole. Each "tick" after it is a Tick. A
// "state" comes again, and replaces all, when another client has taken the place of the one
// that is looked at.
// A tick comes each second, also if nothing changed: silence means that the connection
// is lost. The server ends a stream whose reader is slow; EventSource then connects
// again, and gets a new "state". To look at another client, open another stream.

// State is everything at one moment.
type State struct {
	At      time.Time `json:"at"`
	Service Service   `json:"service"`
	// Actions says whether a token is configured, so that actions are possible.
	Actions bool `json:"actions"`
	// TraceURL is the address of a trace, with {trace_id} in it. Empty if there is none.
	TraceURL string `json:"trace_url,omitempty"`
	// Reload says whether the action "reload" is possible.
	Reload bool `json:"reload"`
	// Clients are in the order of their ids.
	Clients []Client `json:"clients"`
}

// Service is the process.
type Service struct {
	Name    string    `json:"name"`
	Version string    `json:"version,omitempty"`
	Started time.Time `json:"started"`
	Go      string    `json:"go"`
}

// Client is one client.
type Client struct {
	Summary
	// State is set in a snapshot, and for the client that is looked at.
	State *penstock.Snapshot `json:"state,omitempty"`
	// Flow is set in a snapshot, and for the client that is looked at.
	Flow *Flow `json:"flow,omitempty"`
	// The history is set for the client that is looked at.
	Points     []Point     `json:"points,omitempty"`     // the oldest first, at most 180
	Breaker    []Period    `json:"breaker,omitempty"`    // the oldest first; the last one goes on
	Gate       []Period    `json:"gate,omitempty"`       // the same of the health gate
	Operations []Operation `json:"operations,omitempty"` // the latest first, with their trees
}

// Summary is what the overview shows of a client.
type Summary struct {
	ID     string `json:"id"` // unique; the name of the client, with a number if two have one name
	Name   string `json:"name"`
	System string `json:"system,omitempty"`
	// Status is "ok", "warn" (probes, waiters, failures), "bad" (a breaker is open, a
	// gate is shut, or most operations fail) or "closed". Why says why it is not "ok".
	Status  string `json:"status"`
	Why     string `json:"why,omitempty"`
	Breaker string `json:"breaker_state,omitempty"` // "" without a breaker
	Gate    string `json:"gate_state,omitempty"`    // "up", "down"; "" without a monitor
	// Generation counts the configurations of the client, from 1.
	Generation uint64    `json:"generation"`
	ChangedAt  time.Time `json:"changed_at,omitzero"` // when the generation came into force
	ChangedBy  string    `json:"changed_by,omitempty"`

	Rate     float64 `json:"rate"`     // operations that ended, over the last 10 s
	Failed   float64 `json:"failed"`   // of them failed
	Rejected float64 `json:"rejected"` // of them refused in this process
	P50      float64 `json:"p50"`      // of the last 10 s; 0 without an operation
	P99      float64 `json:"p99"`
	InFlight int     `json:"in_flight"` // leases that are out, of all pools
	Places   int     `json:"places"`
	Waiters  int     `json:"waiters"`
}

// Flow is what flows through the chain of a client.
type Flow struct {
	// Untraced says that the chain has no trace stage, so that operations are not seen:
	// all rates but those of events are zero.
	Untraced bool        `json:"untraced,omitempty"`
	Entered  Count       `json:"entered"` // operations that began; the rate is of those that ended
	Running  int         `json:"running"` // operations that have begun and not ended
	Stages   []StageFlow `json:"stages"`  // of the chain, outermost first; then one named "pool"
	// Further counts the attempts after the first one of an operation. Causes are the
	// error types of the attempts that they repeat.
	Further Count   `json:"further"`
	Causes  []Cause `json:"causes,omitempty"`
	// How operations ended. OK is answered well, Answered is an answer of the backend that
	// is an error, such as "not found"; Recovered is part of OK.
	OK        Count   `json:"ok"`
	Answered  Count   `json:"answered"`
	Recovered Count   `json:"recovered"`
	Failed    Count   `json:"failed"`
	Rejected  Count   `json:"rejected"`
	P50       float64 `json:"p50"` // of the backend alone, last 10 s
	P99       float64 `json:"p99"`
}

// StageFlow is one stage. In is what comes to it: operations, or attempts inside of
// retry. Refused is what it refuses, for the reasons. Waits counts those that it made wait.
type StageFlow struct {
	Name     string  `json:"name"`
	In       float64 `json:"in"` // a second
	Refused  Count   `json:"refused"`
	Reasons  []Cause `json:"reasons,omitempty"`
	Waits    Count   `json:"waits"`
	WaitMean float64 `json:"wait_mean,omitempty"` // of the waits of the last 10 s
	TimedOut Count   `json:"timed_out"`           // by a limit of this stage
	State    string  `json:"state,omitempty"`     // in a few words, such as "half_open", "88 of 128"
	Bad      bool    `json:"bad,omitempty"`       // the state is one that refuses
}

// Count counts since the client was made, and by the rate of the last 10 s.
type Count struct {
	Total uint64  `json:"total"`
	Rate  float64 `json:"rate"`
}

// Cause is a reason with its count.
type Cause struct {
	Reason string `json:"reason"` // error.type
	Count
}

// Point is 5 s of a client. Rates are a second.
type Point struct {
	At       time.Time `json:"at"`      // end of the 5 s
	Seconds  float64   `json:"seconds"` // 5, or less for the first and the last point
	OK       float64   `json:"ok"`
	Answered float64   `json:"answered"`
	Failed   float64   `json:"failed"`
	Rejected float64   `json:"rejected"`
	Further  float64   `json:"further"`
	P50      float64   `json:"p50"` // of all operations but refused ones; 0 without one
	P99      float64   `json:"p99"`
	Max      float64   `json:"max"`
}

// Period is a time in one state. To is zero while it goes on.
type Period struct {
	State string    `json:"state"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to,omitzero"`
	// By is the operation that caused the state, if one did.
	By      string `json:"by,omitempty"` // such as "Search docs"
	TraceID string `json:"trace_id,omitempty"`
	Why     string `json:"why,omitempty"` // error type of the cause
}

// Operation is one that failed, was refused, recovered or was slow.
type Operation struct {
	ID       uint64    `json:"id"` // unique within the client, ascending
	At       time.Time `json:"at"` // when it began
	Name     string    `json:"name"`
	Target   string    `json:"target,omitempty"`
	Outcome  string    `json:"outcome"` // "failed", "rejected", "recovered", "slow", "hedged"
	Attempts int       `json:"attempts"`
	Took     float64   `json:"took"`
	// Wait, Backoff and Backend are parts of Took; the rest is the chain's own.
	Wait    float64 `json:"wait"`
	Backoff float64 `json:"backoff"`
	Backend float64 `json:"backend"`
	// Reason is the error.type, of the last error; Error its text, cut. Both are empty
	// for a slow operation.
	Reason string `json:"reason,omitempty"`
	Error  string `json:"error,omitempty"`
	Conn   int    `json:"conn,omitempty"` // number of the last connection
	// TraceID and SpanID are empty without a tracer. Sampled says that the trace was
	// sampled when the operation began; it may be exported even if not.
	TraceID string `json:"trace_id,omitempty"`
	SpanID  string `json:"span_id,omitempty"`
	Sampled bool   `json:"sampled,omitempty"`
	// OpenedBy is the operation that opened the breaker which refused this one.
	OpenedBy *Opener `json:"opened_by,omitempty"`
	// Tree is the operation as a tree: its attempts, waits, backoffs and events.
	Tree *Span `json:"tree,omitempty"`
}

// Opener is the operation that opened a breaker.
type Opener struct {
	Name    string    `json:"name"` // such as "Search docs"
	TraceID string    `json:"trace_id,omitempty"`
	At      time.Time `json:"at"`
}

// Span is a stretch of an operation. Start and Took are relative to the operation.
type Span struct {
	Kind     string  `json:"kind"` // "operation", "attempt", "wait", "backoff", "event"
	Name     string  `json:"name"`
	Start    float64 `json:"start"`
	Took     float64 `json:"took"` // 0 for an event
	Reason   string  `json:"reason,omitempty"`
	Error    string  `json:"error,omitempty"`
	Conn     int     `json:"conn,omitempty"`
	Details  []Pair  `json:"details,omitempty"`
	Children []Span  `json:"children,omitempty"`
}

// Pair is a detail of a span.
type Pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Tick is a message of the stream: what changed since the one before. It comes each second, and
// soon after a breaker or a gate changes its state.
type Tick struct {
	At time.Time `json:"at"`
	// Summaries are of the clients that are new or changed. Gone are the ids of those
	// that are there no more.
	Summaries []Summary `json:"summaries,omitempty"`
	Gone      []string  `json:"gone,omitempty"`
	// Client is the client that is looked at: State, Flow, the last Points (replace those
	// with the same At, and drop what is older than 15 minutes), Breaker and Gate whole,
	// and the Operations with a greater ID than before. Only what changed is set. A
	// Breaker or Gate that is left out is as before, and so are Settings and Changes that
	// are left out of State.
	Client *Client `json:"client,omitempty"`
}

// Action is what POST /actions is asked to do, as JSON. The token comes in the header
// "Authorization: Bearer TOKEN", the name of who asks optionally in "Penstock-By".
type Action struct {
	// Action is "breaker_reset", "breaker_open", "breaker_close", "breaker_watch" (count,
	// and let all pass), "drain" (close the client within Seconds), "resize" or "reload".
	Action string `json:"action"`
	Client string `json:"client,omitempty"` // id; empty for reload
	// Pool is the name of the pool to resize; empty if the client has one.
	Pool    string  `json:"pool,omitempty"`
	Size    int     `json:"size,omitempty"`    // of resize
	Seconds float64 `json:"seconds,omitempty"` // of drain; 0 is 10
}

// Result is the answer to an action, and to any request that is refused. The status is
// 200; 400 for a bad request, 401 for a missing or wrong token, 403 for a foreign Host or
// Origin or if no token is configured, 404 for an unknown client, 405 for a wrong method,
// 409 for an action that cannot be done, 413 for a long body, 429 for too many streams.
type Result struct {
	Done  string `json:"done,omitempty"`  // what was done, as a sentence
	Error string `json:"error,omitempty"` // what is wrong, with the remedy
}
