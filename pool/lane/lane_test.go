// SPDX-License-Identifier: Apache-2.0

package lane_test

import (
	"context"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/lane"
)

// named is a source of connections that are its name.
type named string

func (n named) Acquire(context.Context) (core.Lease[string], error) {
	return core.NewLease(string(n), core.Lender(n), 0), nil
}

func (named) Return(uint64, core.ConnFate, error) bool { return true }

func TestEachOperationUsesItsLane(t *testing.T) {
	router := lane.NewRouter(lane.ReadWrite(), []core.Source[string]{named("write"), named("read")})
	c, err := core.NewClient(core.ClientConfig[string]{Source: router})
	if err != nil {
		t.Fatal(err)
	}
	for op, want := range map[core.Op]string{
		{Name: "Search", Safety: core.ReadOnly}:   "read",
		{Name: "Insert"}:                          "write",
		{Name: "Upsert", Safety: core.Idempotent}: "write",
	} {
		got, err := core.Do(t.Context(), c, op, func(_ context.Context, conn string) (string, error) { return conn, nil })
		if err != nil || got != want {
			t.Errorf("%s used %q, %v, want %q", op.Name, got, err, want)
		}
	}
	if err := c.Probe(t.Context(), func(_ context.Context, conn string) error {
		if conn != "read" {
			t.Errorf("the probe used %q, want the lane of reads", conn)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if lease, err := router.Acquire(t.Context()); err != nil || lease.Conn() != "read" {
		t.Errorf("Acquire = %v, %v, want the last lane", lease.Conn(), err)
	}
}

func TestBadLanesAreNamed(t *testing.T) {
	err := lane.Check([]lane.Lane{{Name: "a/b", Takes: lane.Writes}, {Name: "x"}, {Name: "x", Takes: lane.Writes, MaxSize: -1}})
	for _, word := range []string{"a/b", `two lanes are called "x"`, "Takes", "MaxSize"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("Check = %v, want %s in it", err, word)
		}
	}
	for _, good := range [][]lane.Lane{nil, lane.ReadWrite(), {{Name: "all"}}} {
		if err := lane.Check(good); err != nil {
			t.Errorf("Check = %v, want nil", err)
		}
	}
}
