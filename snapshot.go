// SPDX-License-Identifier: Apache-2.0

package penstock

import (
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/pool"
)

// Snapshot is the state of a client at one moment, for people and for JSON. It holds no
// secrets. Durations are in seconds. What a client does not have is nil or empty.
type Snapshot struct {
	Name       string `json:"name"`       // of the client's pool
	Connection string `json:"connection"` // Go type of the connections
	System     string `json:"system,omitempty"`
	Namespace  string `json:"namespace,omitempty"`
	Address    string `json:"address,omitempty"` // with the port, if there is one
	Closed     bool   `json:"closed,omitempty"`  // Close was called

	Chain            ChainSnapshot `json:"chain"`
	OperationTimeout float64       `json:"operation_timeout,omitzero"`
	AttemptTimeout   float64       `json:"attempt_timeout,omitzero"`

	Breaker      *breaker.Snapshot  `json:"breaker,omitempty"`
	KeyedBreaker *keyed.Snapshot    `json:"keyed_breaker,omitempty"`
	Health       *health.Snapshot   `json:"health,omitempty"`
	Bulkhead     *BulkheadSnapshot  `json:"bulkhead,omitempty"`
	Limiter      *LimiterSnapshot   `json:"rate_limit,omitempty"`
	Budget       *BudgetSnapshot    `json:"retry_budget,omitempty"`
	Async        AsyncSnapshot      `json:"async"`
	Fallbacks    map[string]uint64  `json:"fallbacks,omitempty"` // by outcome
	Pools        []PoolSnapshot     `json:"pools"`               // one, or one for each lane
	Endpoints    []EndpointSnapshot `json:"endpoints,omitempty"`
	// Settings is the effective configuration, in the order of the configuration.
	Settings []Setting `json:"settings"`
	// Changes are the latest ten changes that were applied by Reconfigure, the latest
	// first. The first one made the generation in force.
	Changes []AppliedChange `json:"changes,omitempty"`
	// Refused is set once a change was refused.
	Refused *RefusedChanges `json:"refused_changes,omitempty"`
}

// ChainSnapshot is the chain of a client, outermost stage first.
type ChainSnapshot struct {
	Text     string          `json:"text"` // such as "trace > breaker > retry"
	Stages   []StageSnapshot `json:"stages"`
	Warnings []string        `json:"warnings,omitempty"`
}

// StageSnapshot is a stage of a chain.
type StageSnapshot struct {
	Name string `json:"name"`
	Text string `json:"text,omitempty"` // what the stage does, with the settings in force
	Own  bool   `json:"own,omitempty"`  // not one of Penstock's stages
}

// BulkheadSnapshot is the state of a bulkhead.
type BulkheadSnapshot struct {
	Limit    int    `json:"limit"`
	Running  int    `json:"running"`
	Waiting  int    `json:"waiting"`
	Admitted uint64 `json:"admitted"`
	Rejected uint64 `json:"rejected"`
}

// LimiterSnapshot is the state of a rate limiter.
type LimiterSnapshot struct {
	Rate     float64 `json:"rate"` // operations a second
	Waiting  int     `json:"waiting"`
	Admitted uint64  `json:"admitted"`
	Rejected uint64  `json:"rejected"`
}

// BudgetSnapshot is the state of a budget of further attempts.
type BudgetSnapshot struct {
	Text      string  `json:"text"`    // what the budget grants, such as "10 % + 10/s"
	Balance   float64 `json:"balance"` // further attempts left; 0 if unlimited
	Unlimited bool    `json:"unlimited,omitempty"`
}

// AsyncSnapshot counts the operations of core.Go.
type AsyncSnapshot struct {
	Running  int    `json:"running"`
	Limit    int    `json:"limit"`
	Rejected uint64 `json:"rejected"`
}

// PoolSnapshot is the state of one pool. With several endpoints the pools of the
// endpoints are added up, and each connection names its endpoint.
type PoolSnapshot struct {
	Name          string                      `json:"name"`
	Shared        bool                        `json:"shared"`
	Max           int                         `json:"max"` // connections
	Min           int                         `json:"min"`
	Idle          int                         `json:"idle"`
	InUse         int                         `json:"in_use"`
	Dialing       int                         `json:"dialing"`
	Leaving       int                         `json:"leaving"`
	Closing       int                         `json:"closing"`
	Stuck         int                         `json:"stuck"`
	InFlight      int                         `json:"in_flight"` // leases that are out
	Places        int                         `json:"places"`    // leases that there may be
	Waiters       int                         `json:"waiters"`
	Timeouts      uint64                      `json:"timeouts"` // waits in vain
	Canceled      uint64                      `json:"canceled"`
	Dials         uint64                      `json:"dials"`
	DialErrors    uint64                      `json:"dial_errors"`
	Leaks         uint64                      `json:"leaks"`
	DoubleReturns uint64                      `json:"double_returns"`
	Panics        uint64                      `json:"panics"`
	Closed        map[pool.CloseReason]uint64 `json:"closed"` // reasons that occurred
	Connections   []ConnectionSnapshot        `json:"connections"`
	Holders       []HolderSnapshot            `json:"holders"` // the oldest first, at most three
}

// ConnectionSnapshot is the state of one connection.
type ConnectionSnapshot struct {
	Number   int    `json:"number"` // as conn_number in telemetry
	Endpoint string `json:"endpoint,omitempty"`
	Callers  int    `json:"callers"`
	Most     int    `json:"most"` // callers that the connection may have
	Suspect  bool   `json:"suspect,omitempty"`
	Leaving  bool   `json:"leaving,omitempty"` // removed; closed after the last caller
}

// HolderSnapshot is a caller that has a connection.
type HolderSnapshot struct {
	Operation string  `json:"operation"`
	Target    string  `json:"target,omitempty"`
	Held      float64 `json:"held"`
	TraceID   string  `json:"trace_id,omitempty"`
	Stack     string  `json:"stack,omitempty"` // with pool.Config.LeakAfter
}

// EndpointSnapshot is the state of one endpoint.
type EndpointSnapshot struct {
	Pool      string            `json:"pool"`
	Address   string            `json:"address"`
	State     string            `json:"state"`
	Reason    string            `json:"reason,omitempty"` // of the last ejection
	InFlight  int               `json:"in_flight"`
	Latency   float64           `json:"latency"`
	Ejections map[string]uint64 `json:"ejections,omitempty"`
}

// Setting is one setting in force.
type Setting struct {
	Key   string `json:"key"` // as in a configuration file, such as "pool.max_size"
	Value string `json:"value"`
}
