// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"testing"

	"github.com/penstock-go/penstock/middleware/chaos"
)

func TestEqualFaultsGoOnAndOthersBeginAnew(t *testing.T) {
	always := []chaos.Fault{{Share: 1, Err: errDown}}
	r := newRig(t, chaos.Config{Faults: always})
	reconfigure := func(cfg chaos.Config) {
		t.Helper()
		if err := r.chaos.Reconfigure(cfg); err != nil {
			t.Fatal(err)
		}
	}
	_ = r.do(t.Context(), "op")
	reconfigure(chaos.Config{Faults: []chaos.Fault{{Share: 1, Err: errDown}}, StartOff: true})
	if s := r.chaos.Stats(); !s.On || s.Struck[0] != 1 {
		t.Errorf("Stats = %+v, want equal faults to go on", s)
	}
	r.chaos.Off()
	reconfigure(chaos.Config{Faults: always})
	if r.chaos.Stats().On {
		t.Error("faults that were switched off by hand are on again")
	}
	reconfigure(chaos.Config{Faults: always, Seed: 7})
	if s := r.chaos.Stats(); !s.On || s.Struck[0] != 0 {
		t.Errorf("Stats = %+v, want faults of another seed to begin anew", s)
	}
	if err := r.chaos.Reconfigure(chaos.Config{Faults: []chaos.Fault{{Share: 2}}}); err == nil {
		t.Error("Reconfigure accepts a share of 2")
	}
	reconfigure(chaos.Config{StartOff: true})
	if err := r.do(t.Context(), "op"); err != nil {
		t.Errorf("Do = %v without faults", err)
	}
}
