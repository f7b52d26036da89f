// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
)

// program is the part of a testing.TB that this package uses, for a program that is no
// test.
type program struct {
	testing.TB // nil: its other methods panic
	ctx        context.Context

	mu       sync.Mutex
	cleanups []func() // guarded by mu
}

// failed is what Fatal and Skip panic with.
type failed struct{ text string }

// With calls f with what stands for the test in a program that is no test, and then its
// cleanups. A call of Fatal or Skip ends f, and is the error. Its context is ctx. It has
// the methods that this package calls, and panics at any other.
func With(ctx context.Context, f func(testing.TB) error) (err error) {
	h := &program{ctx: ctx}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failed:
			err = errors.New(p.text)
		default:
			panic(p)
		}
	}()
	defer h.clean()
	return f(h)
}

func (p *program) clean() {
	p.mu.Lock()
	cleanups := p.cleanups
	p.cleanups = nil
	p.mu.Unlock()
	for _, f := range slices.Backward(cleanups) {
		f()
	}
}

func (p *program) Helper()                  {}
func (p *program) Name() string             { return "program" }
func (p *program) Context() context.Context { return p.ctx }
func (p *program) Fatal(args ...any)        { panic(failed{fmt.Sprint(args...)}) }
func (p *program) Skip(args ...any)         { panic(failed{fmt.Sprint(args...)}) }
func (p *program) Error(args ...any)        { fmt.Fprintln(os.Stderr, args...) }
func (p *program) Log(args ...any)          { fmt.Fprintln(os.Stderr, args...) }

func (p *program) Fatalf(format string, args ...any) { panic(failed{fmt.Sprintf(format, args...)}) }
func (p *program) Errorf(format string, args ...any) { p.Error(fmt.Sprintf(format, args...)) }
func (p *program) Logf(format string, args ...any)   { p.Log(fmt.Sprintf(format, args...)) }

func (p *program) Cleanup(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cleanups = append(p.cleanups, f)
}

func (p *program) TempDir() string {
	dir, err := os.MkdirTemp("", "penstock-")
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
