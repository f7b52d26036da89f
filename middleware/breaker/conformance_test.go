// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"context"
	"errors"
	"testing"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/breaker"
)

// underTest returns a breaker that is the only stage of a client.
func underTest(cfg coretest.BreakerConfig) coretest.BreakerFunc {
	b, err := breaker.New(breaker.Config{
		FailureThreshold:    cfg.Failures,
		RecoveryTimeout:     cfg.Recovery,
		HalfOpenSuccesses:   cfg.Successes,
		MaxHalfOpenRequests: cfg.Probes,
	})
	if err != nil {
		panic(err)
	}
	client, err := core.NewClient(core.ClientConfig[int]{
		Source:     &coretest.Source[int]{},
		Middleware: b.Middleware,
		Classifier: func(err error) core.Class {
			if errors.Is(err, cfg.Excluded) {
				return core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep}
			}
			return core.Class{}
		},
	})
	if err != nil {
		panic(err)
	}
	return func(ctx context.Context, work func(context.Context) error) error {
		_, err := core.Do(ctx, client, core.Op{Name: "op"}, func(ctx context.Context, _ int) (int, error) {
			return 0, work(ctx)
		})
		return err
	}
}

func TestTheBreakerSurvivesEveryHalfOpenFaultTheSameInEachRun(t *testing.T) {
	var first []coretest.BreakerResult
	for run := range 100 {
		results := coretest.CheckBreaker(t, underTest)
		if run == 0 {
			first = results
		}
		for i, r := range results {
			if r.Err != nil {
				t.Errorf("half-open/%s: %v\n%s", r.Fault, r.Err, r.Transcript)
			}
			if r.Transcript != first[i].Transcript {
				t.Fatalf("half-open/%s, run %d:\n%s\nwant the first run's:\n%s", r.Fault, run+1, r.Transcript, first[i].Transcript)
			}
		}
		if t.Failed() {
			return
		}
	}
	for _, r := range first {
		t.Logf("half-open/%s\n%s", r.Fault, r.Transcript)
	}
}
