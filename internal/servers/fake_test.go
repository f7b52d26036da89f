// SPDX-License-Identifier: Apache-2.0

package servers_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// fakeT records whether its test was skipped or failed. The real test has
// the other methods.
type fakeT struct {
	testing.TB

	mu      sync.Mutex // guards the fields below
	skipped string
	failed  string
	cleanup []func()
}

// run calls f as the body of a test, and then the cleanups of f, as package testing
// does.
func run(t *testing.T, f func(t testing.TB)) *fakeT {
	t.Helper()
	fake := &fakeT{TB: t}
	fake.run(func() { f(fake) })
	return fake
}

func (f *fakeT) run(body func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for i := len(f.cleanup) - 1; i >= 0; i-- {
				f.cleanup[i]()
			}
		}()
		body()
	}()
	<-done
}

func (f *fakeT) Helper()          {}
func (f *fakeT) Cleanup(c func()) { f.cleanup = append(f.cleanup, c) }

func (f *fakeT) Skip(args ...any) {
	f.set(&f.skipped, fmt.Sprint(args...))
	runtime.Goexit()
}

func (f *fakeT) Fatal(args ...any) {
	f.set(&f.failed, fmt.Sprint(args...))
	runtime.Goexit()
}

func (f *fakeT) Fatalf(format string, args ...any) {
	f.set(&f.failed, fmt.Sprintf(format, args...))
	runtime.Goexit()
}

func (f *fakeT) Error(args ...any) {
	f.set(&f.failed, fmt.Sprint(args...))
}

func (f *fakeT) set(field *string, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*field = text
}
