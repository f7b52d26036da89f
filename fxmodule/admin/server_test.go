// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule/admin"
	"github.com/penstock-go/penstock/pool"
)

func TestTheServerStopsWithOpenStreams(t *testing.T) {
	defer goleak.VerifyNone(t)
	a, log := newAdmin(t, admin.Config{})
	c := watch(t, a, "docs", penstock.Config{}, pool.Config{})
	if err := a.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	base := "http://" + a.Addr().String()
	if !strings.Contains(log.String(), base) {
		t.Errorf("the log is %s, want the address in it", log)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	var streams []*bufio.Reader
	for range 5 {
		response, err := client.Get(base + "/events?client=docs")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		stream := bufio.NewReader(response.Body)
		if line, err := stream.ReadString('\n'); line != "retry: 1000\n" {
			t.Fatalf("the stream begins with %q, %v", line, err)
		}
		streams = append(streams, stream)
	}
	start := time.Now()
	if err := a.Close(context.Background()); err != nil {
		t.Errorf("Close = %v", err)
	}
	if d := time.Since(start); d > 4*time.Second {
		t.Errorf("Close took %v, want less than the 5 s that it has", d)
	}
	for _, stream := range streams {
		for {
			if _, err := stream.ReadString('\n'); err != nil {
				break // the stream has ended
			}
		}
	}
	if err := a.Close(context.Background()); err != nil {
		t.Errorf("Close again = %v", err)
	}
	shut(t, c)
}

func TestCloseCutsOffWhatHangs(t *testing.T) {
	defer goleak.VerifyNone(t)
	hangs, goOn := make(chan struct{}), make(chan struct{})
	a, _ := newAdmin(t, admin.Config{Reload: func(context.Context, string) error { close(hangs); <-goOn; return nil }})
	if err := a.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	answered := make(chan error, 1)
	go func() {
		r, _ := http.NewRequest("POST", "http://"+a.Addr().String()+"/actions", strings.NewReader(`{"action":"reload"}`))
		r.Header.Set("Authorization", "Bearer "+secret)
		r.Header.Set("Content-Type", "application/json")
		response, err := client.Do(r)
		if err == nil {
			response.Body.Close()
		}
		answered <- err
	}()
	<-hangs
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := a.Close(ctx); err == nil || !strings.Contains(err.Error(), "admin: requests were cut off") {
		t.Errorf("Close = %v, want it to say what was cut off", err)
	}
	if err := <-answered; err == nil {
		t.Error("the request was answered, want it cut off")
	}
	close(goOn)
	client.CloseIdleConnections()
}

func TestAnAddressThatIsTakenIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, _ := newAdmin(t, admin.Config{Address: l.Addr().String()})
	want := "admin: cannot listen on " + l.Addr().String() + ": set Config.Address to a free port, or to port 0: "
	if err := a.Listen(t.Context()); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("Listen = %v, want %s", err, want)
	}
	if a.Addr() != nil {
		t.Errorf("Addr = %v, want nil", a.Addr())
	}
	if err := a.Close(context.Background()); err != nil {
		t.Errorf("Close = %v", err)
	}
}

func TestAnAdminListensOnce(t *testing.T) {
	a, _ := newAdmin(t, admin.Config{})
	if err := a.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Listen(t.Context()); err == nil || !strings.Contains(err.Error(), "Listen was called before") {
		t.Errorf("Listen again = %v", err)
	}
	if err := a.Close(context.Background()); err != nil {
		t.Errorf("Close = %v", err)
	}
}

// draining begins to drain docs, on which an operation runs until ctx ends. It returns the
// status of the answer, once there is one.
func draining(ctx context.Context, a *admin.Admin, c *penstock.Client[int]) (status chan int) {
	go func() {
		_, _ = core.Do(ctx, c, search, func(ctx context.Context, _ int) (int, error) {
			<-ctx.Done()
			return 0, context.Cause(ctx)
		})
	}()
	synctest.Wait()
	status = make(chan int, 1)
	go func() {
		code, _ := act(a, `{"action":"drain","client":"docs","seconds":60}`, nil)
		status <- code
	}()
	synctest.Wait()
	return status
}

func TestCloseWaitsForADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{})
		c := watch(t, a, "docs", penstock.Config{}, pool.Config{})
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		status := draining(ctx, a, c)
		start := time.Now()
		if err := a.Close(context.Background()); err != nil {
			t.Errorf("Close = %v", err)
		}
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("Close took %v, want the 3 s of the operation", d)
		}
		if got := <-status; got != http.StatusOK {
			t.Errorf("the drain is answered with %d, want 200", got)
		}
		if code, result := act(a, `{"action":"breaker_reset","client":"docs"}`, nil); code != http.StatusServiceUnavailable {
			t.Errorf("after Close an action is answered with %d %+v, want 503", code, result)
		}
	})
}

func TestCloseCutsADrainOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{})
		c := watch(t, a, "docs", penstock.Config{}, pool.Config{})
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		status := draining(ctx, a, c)
		start := time.Now()
		if err := a.Close(context.Background()); err == nil || err.Error() != "admin: an action was cut off" {
			t.Errorf("Close = %v, want it to say what was cut off", err)
		}
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("Close took %v, want 5 s", d)
		}
		synctest.Wait()
		if got := <-status; got != http.StatusConflict {
			t.Errorf("the drain is answered with %d, want 409", got)
		}
	})
}
