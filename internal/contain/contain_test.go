// SPDX-License-Identifier: Apache-2.0

package contain_test

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/penstock-go/penstock/internal/contain"
)

var errBoom = errors.New("boom")

// functions are what a function of the user may do, and what is told of it.
var functions = []struct {
	name     string
	fn       func()
	text     string // of the error; empty if nothing is told
	returned bool
	is       error
}{
	{"returns", func() {}, "", true, nil},
	{"panics", func() { panic("boom") }, "OnLeak panicked: boom", false, nil},
	{"panics with an error", func() { panic(errBoom) }, "OnLeak panicked: boom", false, errBoom},
	{"exits", runtime.Goexit, "OnLeak called runtime.Goexit", false, nil},
}

func TestWhatAFunctionDoesIsToldOnce(t *testing.T) {
	for _, call := range []struct {
		name string
		fn   func(string, func(*contain.Panic), func()) bool
		same bool // fn runs on the goroutine of the caller
	}{{"Call", contain.Call, true}, {"Apart", contain.Apart, false}} {
		for _, f := range functions {
			t.Run(call.name+" "+f.name, func(t *testing.T) {
				var told []*contain.Panic
				returned, went := false, false
				var wg sync.WaitGroup
				wg.Go(func() {
					returned = call.fn("OnLeak", func(p *contain.Panic) { told = append(told, p) }, f.fn)
					went = true
				})
				wg.Wait()
				exits := f.name == "exits"
				if returned != f.returned || went != (!exits || !call.same) {
					t.Errorf("returned %v, went on %v", returned, went)
				}
				if f.text == "" {
					if len(told) != 0 {
						t.Errorf("told %v, want nothing", told)
					}
					return
				}
				if len(told) != 1 {
					t.Fatalf("told %v, want one", told)
				}
				p := told[0]
				if p.Error() != f.text || p.ErrorType() != "panic" || p.Exited != exits || f.is != nil && !errors.Is(p, f.is) {
					t.Errorf("told %q of type %q, exited %v; want %q", p, p.ErrorType(), p.Exited, f.text)
				}
				if exits != (p.Stack() == nil) || !exits && !strings.Contains(string(p.Stack()), "contain_test") {
					t.Errorf("the stack is %s", p.Stack())
				}
			})
		}
	}
}

func TestNobodyNeedBeTold(t *testing.T) {
	if contain.Call("f", nil, func() { panic("boom") }) {
		t.Error("Call = true after a panic")
	}
	if contain.Call("f", func(*contain.Panic) { panic("again") }, func() { panic("boom") }) {
		t.Error("Call = true after two panics")
	}
}
