// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
)

// harness is the part of a testing.TB that package servers uses, for a program that is
// no test.
type harness struct {
	testing.TB // nil: its other methods panic
	ctx        context.Context

	mu       sync.Mutex
	cleanups []func() // guarded by mu
}

// failed is what Fatal and Skip panic with.
type failed struct{ text string }

// with calls f with a harness, and then its cleanups. A call of Fatal or Skip ends f,
// and is the error.
func with(ctx context.Context, f func(*harness) error) (err error) {
	h := &harness{ctx: ctx}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failed:
			err = fmt.Errorf("differential: %s", p.text)
		default:
			panic(p)
		}
	}()
	defer h.clean()
	return f(h)
}

func (h *harness) clean() {
	h.mu.Lock()
	cleanups := h.cleanups
	h.cleanups = nil
	h.mu.Unlock()
	for _, f := range slices.Backward(cleanups) {
		f()
	}
}

func (h *harness) Helper()                  {}
func (h *harness) Name() string             { return "differential" }
func (h *harness) Context() context.Context { return h.ctx }
func (h *harness) Fatal(args ...any)        { panic(failed{fmt.Sprint(args...)}) }
func (h *harness) Skip(args ...any)         { panic(failed{fmt.Sprint(args...)}) }
func (h *harness) Error(args ...any)        { fmt.Fprintln(os.Stderr, args...) }
func (h *harness) Log(args ...any)          { fmt.Fprintln(os.Stderr, args...) }

func (h *harness) Fatalf(format string, args ...any) { panic(failed{fmt.Sprintf(format, args...)}) }
func (h *harness) Errorf(format string, args ...any) { h.Error(fmt.Sprintf(format, args...)) }
func (h *harness) Logf(format string, args ...any)   { h.Log(fmt.Sprintf(format, args...)) }

func (h *harness) Cleanup(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cleanups = append(h.cleanups, f)
}

func (h *harness) TempDir() string {
	dir, err := os.MkdirTemp("", "differential-")
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
