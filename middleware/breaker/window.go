// SPDX-License-Identifier: Apache-2.0

package breaker

import "sync"

// window remembers which of the last attempts were slow. It is safe for
// concurrent use.
type window struct {
	mu     sync.Mutex
	slow   []bool // a ring
	next   int
	filled bool
	count  int // of the slow ones
}

func newWindow(size int) *window { return &window{slow: make([]bool, size)} }

// add records an attempt and returns the share of slow ones once the window is
// full, zero before.
func (w *window) add(slow bool) float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.slow[w.next] {
		w.count--
	}
	w.slow[w.next] = slow
	if slow {
		w.count++
	}
	if w.next++; w.next == len(w.slow) {
		w.next, w.filled = 0, true
	}
	if !w.filled {
		return 0
	}
	return float64(w.count) / float64(len(w.slow))
}
