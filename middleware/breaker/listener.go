// SPDX-License-Identifier: Apache-2.0

package breaker

import "sync"

// listener delivers transitions to Config.OnTransition, in order and one at a
// time.
type listener struct {
	name string // of the breaker
	call func(name string, from, to State)

	mu         sync.Mutex   // guards all below; not held during a call
	queue      []transition // not delivered yet
	delivering bool         // a goroutine delivers
	panics     uint64       // of call
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
	returned := true
	defer func() {
		if !returned { // the listener called Goexit
			go l.empty(-1)
		}
	}()
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
		returned = false
		l.tell(t)
		returned = true
	}
}

// tell calls the listener. A panic is counted and recovered, because the
// operation that runs on this goroutine did not cause it.
func (l *listener) tell(t transition) {
	defer func() {
		if recover() != nil {
			l.mu.Lock()
			l.panics++
			l.mu.Unlock()
		}
	}()
	if !t.none() { // several that were delivered as one may lead back
		l.call(l.name, t.from, t.to)
	}
}

// panicked returns how often the listener panicked.
func (l *listener) panicked() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.panics
}
