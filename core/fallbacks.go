// SPDX-License-Identifier: Apache-2.0

package core

import (
	"maps"
	"sync"

	"github.com/penstock-go/penstock/internal/errtype"
)

// maxFallbackNames is how many operations are counted by their own names.
const maxFallbackNames = 100

// fallbacks counts the operations whose result a fallback made. The zero value is
// ready to use.
type fallbacks struct {
	mu    sync.Mutex
	names map[string]uint64 // by the name of the operation; guarded by mu
}

// add counts an operation. The names are bounded, because a program may make them
// of its input.
func (f *fallbacks) add(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.names[name]; !known && len(f.names) >= maxFallbackNames {
		name = errtype.Other
	}
	if f.names == nil {
		f.names = map[string]uint64{}
	}
	f.names[name]++
}

// FellBack says that a fallback made the result of the operation that failed with e.
// The client of the operation counts it, see [Client.Fallbacks]. Package fallback
// calls it. FellBack is safe for concurrent use, and does nothing for an error that no
// client made.
func (e *Error) FellBack() {
	if e.client != nil {
		e.client.fallbacks.add(e.Op)
	}
}

// Fallbacks returns how many operations got their result from a fallback so far, by
// the name of the operation. The first 100 names are counted by themselves, and all
// later ones as "_OTHER".
func (c *Client[C]) Fallbacks() map[string]uint64 {
	c.fallbacks.mu.Lock()
	defer c.fallbacks.mu.Unlock()
	return maps.Clone(c.fallbacks.names)
}
