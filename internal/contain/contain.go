// SPDX-License-Identifier: Apache-2.0

// Package contain calls functions of the user, so that a panic or runtime.Goexit in
// one ends nothing but that call.
package contain

import (
	"fmt"
	"runtime/debug"

	"github.com/penstock-go/penstock/internal/errtype"
)

// Panic says that a function of the user panicked or called runtime.Goexit.
type Panic struct {
	Func   string // name of the function, such as "OnLeak"
	Value  any    // value of the panic; nil after runtime.Goexit
	Exited bool   // the function called runtime.Goexit
	Trace  []byte // stack of the goroutine at the panic; nil after runtime.Goexit
}

// Error says which function panicked, and with what.
func (p *Panic) Error() string {
	if p.Exited {
		return p.Func + " called runtime.Goexit"
	}
	return fmt.Sprintf("%s panicked: %v", p.Func, p.Value)
}

// ErrorType returns "panic".
func (p *Panic) ErrorType() string { return errtype.Panic }

// Stack returns the stack of the goroutine at the panic, nil after runtime.Goexit.
func (p *Panic) Stack() []byte { return p.Trace }

// Unwrap returns the value of the panic, if it is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// Recovered returns what a deferred function knows of the function of the user with
// the given name, which did not return. value is the value of recover.
func Recovered(name string, value any) *Panic {
	p := &Panic{Func: name, Value: value, Exited: value == nil}
	if !p.Exited {
		p.Trace = debug.Stack()
	}
	return p
}

// Call calls fn, a function of the user with the given name, and reports whether fn
// returned. If fn panics, Call recovers, and calls tell. If fn calls
// runtime.Goexit, Call calls tell, and the goroutine goes on exiting: only the
// deferred functions of Call's callers run. With a nil tell, nothing is told. A panic in tell
// is recovered.
func Call(name string, tell func(*Panic), fn func()) (returned bool) {
	defer func() {
		if returned {
			return
		}
		p := Recovered(name, recover())
		if tell != nil {
			defer func() { _ = recover() }()
			tell(p)
		}
	}()
	fn()
	return true
}

// Apart calls fn as Call does, on a goroutine of its own, and waits for it. So
// runtime.Goexit in fn does not end the goroutine of the caller.
func Apart(name string, tell func(*Panic), fn func()) (returned bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		returned = Call(name, tell, fn)
	}()
	<-done
	return returned
}
