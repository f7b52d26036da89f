// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule/config"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/pool"
)

// nowhere is a factory that is not used.
type nowhere struct{}

func (nowhere) Dial(context.Context) (int, error) { return 0, nil }
func (nowhere) Close(context.Context, int) error  { return nil }

// The code of a program and its file are right, each for itself.
func TestFaultsBetweenCodeAndFileAreExplained(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("PENSTOCK_POOL_MIN_SIZE", "3")
	if err := os.WriteFile("penstock.yaml", []byte("max_async: 3\noperation_timeout: 1s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := config.Load("penstock.yaml", config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Client("")
	if err != nil {
		t.Fatal(err)
	}
	p := pool.Config{Name: "docs", MaxSize: 2}
	cfg := penstock.Config{Chain: middleware.Config{
		Timeout: timeout.Config{Attempt: 2 * time.Second},
		Retry:   retry.Config{Interval: time.Minute}, // a fault of the code alone
	}}
	c.Apply(&p, &cfg)
	_, wrong := penstock.New(penstock.Backend[int]{Factory: nowhere{}, Pool: p}, cfg)
	want := []string{
		`penstock: client "docs": PENSTOCK_POOL_MIN_SIZE: pool.min_size 3 exceeds pool.max_size 2: set a lower pool.min_size, or a higher pool.max_size`,
		"penstock.yaml:2: timeout.attempt 2s is not below operation_timeout 1s: an attempt would never end by it; set a lower one, or leave it out",
		"middleware: bad configuration: retry: Interval 1m0s is above MaxInterval 20s: set a lower Interval, or a higher MaxInterval",
	}
	err = c.Explain(wrong)
	if err == nil || !errors.Is(err, wrong) {
		t.Fatalf("Explain = %v, want an error that wraps %v", err, wrong)
	}
	for _, line := range want {
		if !strings.Contains("\n"+err.Error()+"\n", "\n"+line+"\n") {
			t.Errorf("Explain has no line\n%s\nin\n%v", line, err)
		}
	}
	other := errors.New("MinSize")
	if err := c.Explain(other); err != other {
		t.Errorf("Explain = %v, want %v as it was", err, other)
	}
	if err := c.Explain(nil); err != nil {
		t.Errorf("Explain(nil) = %v", err)
	}
}
