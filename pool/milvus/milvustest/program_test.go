// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func TestDelaysOfSeveralFaultsAddUp(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	fixed := func(*rand.Rand) time.Duration { return 10 * time.Millisecond }
	srv.Inject(milvustest.Fault{Method: "GetVersion", Delay: 10 * time.Millisecond})
	srv.Inject(milvustest.Fault{Err: status.Error(codes.Aborted, "")})
	srv.Inject(milvustest.Fault{Delay: 10 * time.Millisecond, Latency: fixed})
	began := time.Now()
	if _, err := c.GetVersion(testContext(t)); status.Code(err) != codes.Aborted {
		t.Errorf("GetVersion = %v, want the answer of the fault that has one", err)
	}
	if took := time.Since(began); took < 30*time.Millisecond {
		t.Errorf("GetVersion took %v, want the delays of all faults, 30ms", took)
	}
}

func TestTheFirstAnswerWinsAndTheOthersKeepTheirTimes(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	srv.Inject(milvustest.Fault{Method: "GetVersion", Times: 1, Err: status.Error(codes.Aborted, "")})
	srv.Inject(milvustest.Fault{Method: "GetVersion", Times: 1, Err: status.Error(codes.DataLoss, "")})
	srv.Inject(milvustest.Fault{Method: "GetVersion", Times: 1, After: true, Err: status.Error(codes.NotFound, "")})
	for _, want := range []codes.Code{codes.Aborted, codes.DataLoss, codes.NotFound, codes.OK} {
		if _, err := c.GetVersion(testContext(t)); status.Code(err) != want {
			t.Errorf("GetVersion = %v, want %v", err, want)
		}
	}
}

func TestSkipLeavesTheFirstCallsOut(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	srv.Inject(milvustest.Fault{Method: "GetVersion", Skip: 2, Times: 1, Err: status.Error(codes.Aborted, "")})
	if got := struck(t, c, 5); !slices.Equal(got, []bool{false, false, true, false, false}) {
		t.Errorf("struck = %v, want the third call alone", got)
	}
}

func TestChanceStrikesEachCallByItself(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	strikes := func(seed uint64) []bool {
		defer srv.Inject(milvustest.Fault{Method: "GetVersion", Chance: 0.3, Seed: seed, Err: status.Error(codes.Aborted, "")})()
		return struck(t, c, 200)
	}
	first := strikes(1)
	if n := count(first); n < 40 || n > 80 {
		t.Errorf("%d of 200 calls struck, want about 60", n)
	}
	if !slices.Equal(first, strikes(1)) {
		t.Error("the same seed struck other calls the second time")
	}
	if slices.Equal(first, strikes(2)) {
		t.Error("another seed struck the same calls")
	}
}

func TestAFaultAboveARateLetsTheOthersPass(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	srv.Inject(milvustest.Fault{Method: "GetVersion", Above: 1e-6, Err: status.Error(codes.Aborted, "")})
	if got := struck(t, c, 3); !slices.Equal(got, []bool{false, true, true}) {
		t.Errorf("struck = %v, want all but the first call", got)
	}

	const ms = time.Millisecond
	for _, test := range []struct {
		rate float64
		at   []time.Duration
		want []bool
	}{
		{2, []time.Duration{0, 0, 0, 499 * ms, 500 * ms, 501 * ms}, []bool{true, true, false, false, true, false}},
		{2, []time.Duration{time.Hour, time.Hour, time.Hour}, []bool{true, true, false}},
		{0.5, []time.Duration{0, 1999 * ms, 2000 * ms}, []bool{true, false, true}},
	} {
		if got := milvustest.Passes(test.rate, test.at...); !slices.Equal(got, test.want) {
			t.Errorf("at a rate of %v the calls at %v pass: %v, want %v", test.rate, test.at, got, test.want)
		}
	}
}

func TestLatenciesFollowTheirDistribution(t *testing.T) {
	const low, high, mean = 10 * time.Millisecond, 20 * time.Millisecond, 10 * time.Millisecond
	random := rand.New(rand.NewPCG(1, 1))
	uniform, exponential := milvustest.Uniform(low, high), milvustest.Exponential(mean)
	var sum, shorter time.Duration
	const n = 10_000
	for range n {
		if d := uniform(random); d < low || d > high {
			t.Fatalf("Uniform draws %v, want %v to %v", d, low, high)
		}
		d := exponential(random)
		if d < 0 || d > 10*mean {
			t.Fatalf("Exponential draws %v, want at most %v", d, 10*mean)
		}
		if sum += d; d < mean {
			shorter++
		}
	}
	if got := sum / n; got < mean*95/100 || got > mean*105/100 {
		t.Errorf("the mean is %v, want %v", got, mean)
	}
	if shorter < n*60/100 || shorter > n*67/100 { // 1-1/e
		t.Errorf("%d of %d are shorter than the mean, want 63 %%", shorter, n)
	}
	if d := milvustest.Uniform(high, low)(random); d != high {
		t.Errorf("Uniform with a range that is empty draws %v, want its low end", d)
	}
}

func TestLatencyIsDrawnBySeed(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	draw := func(seed uint64) (drawn []uint64) {
		defer srv.Inject(milvustest.Fault{Method: "GetVersion", Seed: seed, Latency: func(random *rand.Rand) time.Duration {
			drawn = append(drawn, random.Uint64())
			return -1
		}})()
		struck(t, c, 5)
		return drawn
	}
	first := draw(1)
	if len(first) != 5 || !slices.Equal(first, draw(1)) || slices.Equal(first, draw(2)) {
		t.Errorf("drawn = %v, want five numbers, the same for the same seed alone", first)
	}
}

func TestAFaultSendsGoAway(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv, waitForReady)
	srv.Inject(milvustest.Fault{Method: "GetVersion", GoAway: true, Times: 1})
	for range 2 {
		if _, err := c.GetVersion(testContext(t)); err != nil {
			t.Errorf("GetVersion = %v, want an answer before and after the GOAWAY", err)
		}
		if srv.Accepted() == 1 {
			awaitLost(t, c)
			awaitReady(t, c)
		}
	}
	if n := srv.Accepted(); n != 2 {
		t.Errorf("Accepted = %d, want 2: the connection was replaced", n)
	}
}

func TestAFaultStopsTheServerAndStartsItAgain(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv, waitForReady)
	fill(t, c, "people", entity.L2)
	srv.Inject(milvustest.Fault{Method: "GetVersion", Down: time.Millisecond, Times: 1})
	if _, err := c.GetVersion(testContext(t)); status.Code(err) != codes.Unavailable {
		t.Errorf("GetVersion = %v, want Unavailable", err)
	}
	if n := rowCount(t, c); n != 5 {
		t.Errorf("there are %d rows after the restart, want 5", n)
	}
	// A server that is closed meanwhile stays closed.
	srv.Inject(milvustest.Fault{Method: "GetVersion", Down: time.Hour})
	if _, err := c.GetVersion(testContext(t)); status.Code(err) != codes.Unavailable {
		t.Errorf("GetVersion = %v, want Unavailable", err)
	}
	must(t, srv.Close())
}

func TestCredentialsChangeAtARestart(t *testing.T) {
	srv := start(t, milvustest.Config{Username: "root", Password: "old"})
	dial := func(password string) error {
		c, err := client.NewClient(testContext(t), client.Config{
			Address: srv.Addr(), Username: "root", Password: password, DialOptions: dialOptions(waitForReady),
			RetryRateLimit: &client.RetryRateLimitOption{MaxRetry: 0},
		})
		if err == nil {
			err = c.Close()
		}
		return err
	}
	srv.SetCredentialsAtRestart("root", "new", "")
	if err := dial("old"); err != nil {
		t.Errorf("before the restart the old password gives %v, want nil", err)
	}
	must(t, srv.Restart())
	if err := dial("new"); err != nil {
		t.Errorf("after the restart the new password gives %v, want nil", err)
	}
	srv.SetCredentials("root", "newest", "")
	must(t, srv.Restart())
	if err := dial("newest"); err != nil {
		t.Errorf("after another restart the password gives %v, want nil: the change was for one restart", err)
	}
}

func TestConnectionsCountTheirCalls(t *testing.T) {
	srv := start(t, milvustest.Config{})
	one, other := stub(t, srv), stub(t, srv)
	version := func(c milvuspb.MilvusServiceClient, n int) {
		for range n {
			_, err := c.GetVersion(testContext(t), &milvuspb.GetVersionRequest{})
			must(t, err)
		}
	}
	version(one, 2)
	version(other, 3)
	_, err := other.CheckHealth(testContext(t), &milvuspb.CheckHealthRequest{})
	must(t, err)
	list := srv.Connections()
	if len(list) != 2 || list[0].Peer == list[1].Peer {
		t.Fatalf("Connections = %v, want two", list)
	}
	if a, b := list[0].Calls, list[1].Calls; a["GetVersion"] != 2 || a[""] != 2 || b["GetVersion"] != 3 || b["CheckHealth"] != 1 || b[""] != 4 {
		t.Errorf("Connections = %v, want 2 calls on the first, and 4 on the second", list)
	}
	remove := srv.Inject(milvustest.Fault{Hang: true})
	ctx, cancel := context.WithCancel(testContext(t))
	done := make(chan error, 1)
	go func() {
		_, err := one.GetVersion(ctx, &milvuspb.GetVersionRequest{})
		done <- err
	}()
	must(t, srv.AwaitCalls(testContext(t), "GetVersion", 6))
	if list := srv.Connections(); list[0].InFlight != 1 || list[1].InFlight != 0 {
		t.Errorf("Connections = %v, want one call in flight on the first", list)
	}
	remove()
	<-done
	cancel()
	srv.ResetCalls()
	if list := srv.Connections(); list[0].Calls[""] != 0 {
		t.Errorf("Connections = %v after ResetCalls, want no calls", list)
	}
	srv.CloseConns(1)
	if list := srv.Connections(); len(list) != 1 {
		t.Errorf("Connections = %v, want the one that is left", list)
	}
}
