// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"runtime"
	"sync"
	"time"
)

// Patience is how long a run may still wait, in total, for other processes to
// leave the processors. It belongs to one goroutine.
type Patience time.Duration

// Enough is the share of the processors that a measurement of a busy load must
// have had.
const Enough = 0.93

// Await returns when the processors are free or the patience is used up.
func (p *Patience) Await() {
	for *p > 0 && !free() {
		const pause = 100 * time.Millisecond
		time.Sleep(pause)
		*p -= Patience(pause)
	}
}

// Again reports whether to repeat a measurement that had the given share of the
// processors and took the given time. A repetition costs patience.
func (p *Patience) Again(share float64, took time.Duration) bool {
	if share <= 0 || share >= Enough || *p <= 0 {
		return false
	}
	*p -= Patience(took)
	return true
}

// free reports whether this process gets all processors if it wants them.
func free() bool {
	const length = 10 * time.Millisecond
	used, begin := CPUTime(), time.Now()
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for time.Since(begin) < length {
			}
		})
	}
	all.Wait()
	took := time.Since(begin)
	used = CPUTime() - used
	return used == 0 || float64(used) >= Enough*float64(took)*float64(runtime.GOMAXPROCS(0))
}
