// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"sync"

	"github.com/penstock-go/penstock/internal/contain"
)

// listener delivers transitions to Config.OnTransition, in order and one at a
// time.
type listener struct {
	name   string  // of the breaker
	shared *shared // has Config.OnTransition, and the observer

	mu         sync.Mutex   // guards all below; not held during a call
	queue      []transition // not delivered yet
	delivering bool         // a goroutine delivers
	panics     uint64       // of call, and how often it called Goexit
}

// maxQueue bounds the transitions that wait for a listener that does not return.
// Beyond it, several transitions are delivered as one.
const maxQueue = 1000

// add queues t. The caller holds the mutex of the breaker, so that the order is
// the order of the transitions.
func (l *listener) add(t transition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.queue); n == maxQueue {
		l.queue[n-1].to = t.to
	} else {
		l.queue = append(l.queue, t)
	}
}

// deliver delivers the queue, unless another goroutine does. The calling
// goroutine delivers the transitions queued now and those queued while it
// delivers them; anything later is delivered by a new goroutine, which exits when
// the queue is empty.
func (l *listener) deliver() {
	l.mu.Lock()
	busy := l.delivering
	l.delivering = true
	l.mu.Unlock()
	if !busy {
		l.empty(2)
	}
}

// empty empties the queue up to rounds times, then hands over to a goroutine. A
// negative rounds means until the queue stays empty.
func (l *listener) empty(rounds int) {
	for left := 0; ; left-- { // left in this round
		l.mu.Lock()
		if len(l.queue) == 0 {
			l.queue, l.delivering = nil, false
			l.mu.Unlock()
			return
		}
		if left == 0 {
			if rounds == 0 {
				l.mu.Unlock()
				go l.empty(-1)
				return
			}
			rounds--
			left = len(l.queue)
		}
		t := l.queue[0]
		l.queue = l.queue[1:]
		l.mu.Unlock()
		l.tell(t)
	}
}

// tell calls the listener, on a goroutine of its own: the operation that runs on
// this goroutine did not cause a panic or Goexit of the listener, and may hold the
// place of a probe.
func (l *listener) tell(t transition) {
	if t.none() { // several that were delivered as one may lead back
		return
	}
	call := l.shared.cfg().OnTransition
	if call == nil { // it was taken out of the configuration
		return
	}
	contain.Apart("OnTransition", l.panicked, func() { call(l.name, t.from, t.to) })
}

// panicked counts a panic or Goexit of the listener, and tells the observer.
func (l *listener) panicked(p *contain.Panic) {
	l.mu.Lock()
	l.panics++
	l.mu.Unlock()
	l.shared.panicked(p)
}

// failures returns how often the listener panicked or called Goexit.
func (l *listener) failures() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.panics
}
