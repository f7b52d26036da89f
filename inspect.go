// SPDX-License-Identifier: Apache-2.0

package penstock

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/endpoint"
)

// fixed is what a snapshot shows and never changes.
type fixed struct {
	connection, system, namespace, address string
}

func fixedOf[C any](b Backend[C]) fixed {
	f := fixed{connection: reflect.TypeFor[C]().String(), system: b.System, namespace: b.Namespace, address: b.Address}
	if f.address != "" && b.Port > 0 {
		f.address = net.JoinHostPort(f.address, strconv.Itoa(b.Port))
	}
	return f
}

// Snapshot describes the client now. It changes nothing. While operations run, its figures
// may be of slightly different moments.
func (c *Client[C]) Snapshot() Snapshot {
	now := c.live.now.Load()
	s := Snapshot{
		Name: c.name, Connection: c.fixed.connection, System: c.fixed.system, Namespace: c.fixed.namespace,
		Address: c.fixed.address, Closed: c.Closed(),
		Chain:            chainSnapshot(now),
		OperationTimeout: now.limit().Seconds(), AttemptTimeout: now.chain.AttemptTimeout.Seconds(),
		Fallbacks: c.Fallbacks(),
		Endpoints: c.endpointSnapshots(),
		Settings:  c.settings(now),
		Changes:   now.changes.latest(),
	}
	if refused := c.live.refused.load(); refused.Count > 0 {
		s.Refused = &refused
	}
	s.Async.Running, s.Async.Limit, s.Async.Rejected = c.Async()
	for _, l := range c.lanes {
		s.Pools = append(s.Pools, poolSnapshot(l))
	}
	stageSnapshots(&s, now.chain)
	return s
}

func chainSnapshot(now *inForce) ChainSnapshot {
	s := ChainSnapshot{Text: now.chain.String(), Warnings: slices.Clone(now.chain.Warnings)}
	for _, name := range now.chain.Names {
		_, text := now.chain.InForce(name)
		own := slices.ContainsFunc(now.given.Config.Chain.Stages, func(s middleware.Stage) bool { return s.Name == name })
		s.Stages = append(s.Stages, StageSnapshot{Name: name, Text: text, Own: own})
	}
	return s
}

// stageSnapshots sets what the stages say of themselves.
func stageSnapshots(s *Snapshot, chain *middleware.Chain) {
	if b := chain.Breaker; b != nil {
		now := b.Snapshot()
		s.Breaker = &now
	}
	if k := chain.KeyedBreaker; k != nil {
		now := k.Snapshot()
		s.KeyedBreaker = &now
	}
	if m := chain.Monitor; m != nil {
		now := m.Snapshot()
		s.Health = &now
	}
	if b := chain.Bulkhead; b != nil {
		now := b.Stats()
		s.Bulkhead = &BulkheadSnapshot{Limit: now.Limit, Running: now.Running, Waiting: now.Waiting, Admitted: now.Admitted, Rejected: now.Rejected}
	}
	if l := chain.Limiter; l != nil {
		now := l.Stats()
		s.Limiter = &LimiterSnapshot{Rate: now.Rate, Waiting: now.Waiting, Admitted: now.Admitted, Rejected: now.Rejected}
	}
	if b := chain.Budget; b != nil {
		s.Budget = &BudgetSnapshot{Text: b.String(), Unlimited: b.Unlimited()}
		if !b.Unlimited() {
			s.Budget.Balance = b.Balance()
		}
	}
}

func poolSnapshot[C any](l lender[C]) PoolSnapshot {
	now := l.Stats()
	s := PoolSnapshot{
		Name: l.Name(), Shared: l.Effective().Mode == pool.Shared,
		Max: now.Max, Min: now.Min, Idle: now.Idle, InUse: now.InUse, Dialing: now.Dialing, Leaving: now.Leaving,
		Closing: now.Closing, Stuck: now.Stuck, InFlight: now.InFlight, Places: now.Places, Waiters: now.Waiters,
		Timeouts: now.Timeouts, Canceled: now.Canceled, Dials: now.Dials, DialErrors: now.DialErrors, Leaks: now.Leaks,
		DoubleReturns: now.DoubleReturns, Panics: now.Panics, Closed: now.Closed,
		Connections: []ConnectionSnapshot{}, Holders: []HolderSnapshot{},
	}
	maps.DeleteFunc(s.Closed, func(_ pool.CloseReason, n uint64) bool { return n == 0 })
	for _, conn := range l.Conns() {
		s.Connections = append(s.Connections, ConnectionSnapshot(conn))
	}
	for _, h := range l.Holders() {
		s.Holders = append(s.Holders, HolderSnapshot{Operation: h.Operation, Target: h.Target, Held: h.Held.Seconds(), TraceID: h.Trace, Stack: h.Stack})
	}
	return s
}

func (c *Client[C]) endpointSnapshots() (all []EndpointSnapshot) {
	for _, l := range c.lanes {
		b, ok := l.(*endpoint.Balancer[C])
		if !ok {
			continue
		}
		endpoints, _ := b.Endpoints()
		for _, e := range endpoints {
			s := EndpointSnapshot{
				Pool: l.Name(), Address: e.Address, State: string(e.State), Reason: string(e.Reason),
				InFlight: e.InFlight, Latency: e.Latency.Seconds(), Ejections: map[string]uint64{},
			}
			for reason, n := range e.Ejections {
				if n > 0 {
					s.Ejections[string(reason)] = n
				}
			}
			all = append(all, s)
		}
	}
	return all
}

// settings returns the settings in force: those of the pool, of the chain, and of each stage.
func (c *Client[C]) settings(now *inForce) []Setting {
	all := section("pool", c.lanes[0].Effective())
	if len(c.lanes) > 1 { // lanes differ in their size alone
		all = slices.DeleteFunc(all, func(s Setting) bool { return s.Key == "pool.name" || s.Key == "pool.max_size" })
	}
	all = append(all, Setting{"chain.operation_timeout", text(now.limit())}, Setting{"chain.order", strings.Join(now.chain.Names, ", ")})
	for _, name := range now.chain.Names {
		if inForce, _ := now.chain.InForce(name); inForce != nil {
			all = append(all, section(name, inForce)...)
		}
	}
	_, limit, _ := c.Async()
	return append(all, Setting{"max_async", text(limit)})
}

// section returns the fields of a configuration that a text can show. Functions,
// observers and the like are none. The stages have the name of the pool.
func section(name string, cfg any) (all []Setting) {
	v := reflect.ValueOf(cfg)
	if v.Kind() != reflect.Struct {
		return nil
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || f.Name == "Disabled" || f.Name == "Name" && name != "pool" {
			continue
		}
		switch value := v.Field(i).Interface().(type) {
		case string, bool, int, float64, time.Duration, fmt.Stringer:
			if f := v.Field(i); f.Kind() == reflect.Pointer && f.IsNil() {
				continue
			}
			all = append(all, Setting{name + "." + snake(f.Name), text(value)})
		default:
			if f := v.Field(i); f.Kind() == reflect.Struct {
				all = append(all, section(name+"."+snake(v.Type().Field(i).Name), f.Interface())...)
			}
		}
	}
	return all
}

// text returns a value as people write it.
func text(value any) string { return fmt.Sprint(value) }

// snake returns a Go name in the style of a file: MaxSize becomes max_size.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && 'A' <= r && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return b.String()
}

// Resize changes the greatest number of connections of the named pool, see
// [pool.Pool.Resize]. An empty name means the only pool. A pool of several endpoints
// cannot be resized in a running process.
func (c *Client[C]) Resize(name string, size int) error {
	if name == "" && len(c.lanes) > 1 {
		return fmt.Errorf("penstock: client %q has several pools: name one of %s", c.name, strings.Join(c.poolNames(), ", "))
	}
	for _, l := range c.lanes {
		if l.Name() != cmp.Or(name, l.Name()) {
			continue
		}
		p, ok := l.(*pool.Pool[C])
		if !ok {
			return fmt.Errorf("penstock: pool %q has several endpoints, and is not resized while it runs: set MaxSize and restart", l.Name())
		}
		return p.Resize(size)
	}
	return fmt.Errorf("penstock: client %q has no pool %q: name one of %s", c.name, name, strings.Join(c.poolNames(), ", "))
}

func (c *Client[C]) poolNames() (names []string) {
	for _, l := range c.lanes {
		names = append(names, strconv.Quote(l.Name()))
	}
	return names
}
