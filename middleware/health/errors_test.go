// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/health"
)

// refused makes an attempt that the gate refuses, and returns the refusal and what the
// observer was told of it.
func (r *rig) refused(t testing.TB) (*health.DownError, core.Event) {
	t.Helper()
	_, err := core.Do(t.Context(), r.client, core.Op{Name: "op"}, func(context.Context, int) (int, error) { return 0, nil })
	down, ok := errors.AsType[*health.DownError](err)
	if !ok {
		t.Fatalf("Do = %v, want a refusal", err)
	}
	rejects := r.recorder.Events(core.EventReject)
	return down, rejects[len(rejects)-1]
}

func TestARefusalSaysWhatShutTheGateAndWhatTheLastProbeCameTo(t *testing.T) {
	errPassword := core.Sentinel("wrong password", core.TypeUnauthenticated)
	errRefused := core.Sentinel("connection refused", "connect_error")
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, health.Config{Name: "milvus", UpThreshold: 2})
		r.probed(t, 2, errDown)
		shut := time.Now()
		r.probed(t, 1, errPassword)
		time.Sleep(2 * time.Second)
		for _, row := range []struct {
			name     string
			probe    func()
			probed   error
			probedAt time.Duration // after the gate shut
			text     string
		}{
			{
				"shut", func() {}, errPassword, 0,
				`backend is down, by its health probes, shut 2s ago by unauthenticated: wrong password`,
			},
			{
				"another probe fails", func() { r.probed(t, 1, errRefused) }, errRefused, 2 * time.Second,
				`backend is down, by its health probes, shut 2s ago by unauthenticated: wrong password; the last probe failed just now: connect_error: connection refused`,
			},
			{
				"a probe does not ask the backend", func() {
					time.Sleep(time.Second)
					r.probed(t, 1, probeError(t, nil, unasked{}))
				}, unasked{}, 3 * time.Second,
				`backend is down, by its health probes, shut 3s ago by unauthenticated: wrong password; the last probe failed just now: probe: no connection came free`,
			},
			{
				"a probe succeeds, and one more has to", func() { r.probed(t, 1, nil) }, nil, 3 * time.Second,
				`backend is down, by its health probes, shut 3s ago by unauthenticated: wrong password; the last probe succeeded just now`,
			},
		} {
			row.probe()
			down, e := r.refused(t)
			if down.Name != "milvus" || !errors.Is(down.Cause, errPassword) || !down.Since.Equal(shut) ||
				!errors.Is(down.Probe, row.probed) || !down.ProbedAt.Equal(shut.Add(row.probedAt)) {
				t.Errorf("%s: refused with %+v", row.name, down)
			}
			if errors.Is(down, errPassword) || core.ErrorType(down) != "unhealthy" {
				t.Errorf("%s: the refusal matches what shut the gate, or is of type %q", row.name, core.ErrorType(down))
			}
			if e.Cause != down.Cause || !e.CausedAt.Equal(down.Since) || e.Probe != down.Probe || !e.ProbedAt.Equal(down.ProbedAt) {
				t.Errorf("%s: observed %+v, want what the error says: %+v", row.name, e, down)
			}
			if down.Error() != row.text {
				t.Errorf("%s: Error = %q, want %q", row.name, down.Error(), row.text)
			}
		}
		if r.Last() != nil {
			t.Errorf("Last = %v, want the last probe that counted", r.Last())
		}
		r.probed(t, 1, nil)
		opened := r.recorder.Events(core.EventHealth)[1]
		if opened.To != health.Up || !errors.Is(opened.Cause, errPassword) || !opened.CausedAt.Equal(shut) {
			t.Errorf("observed %+v, want what had shut the gate, and when", opened)
		}
	})
}
