// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Load is a number of callers that repeat one thing.
type Load struct {
	Callers int
	Length  time.Duration
	Batch   int // repetitions between two readings of the clock
}

// Sample is what one load cost. Everything but Share is per repetition.
type Sample struct {
	NS     float64 // time that passed, divided by the repetitions of all callers
	Allocs float64
	Bytes  float64 // allocated
	Share  float64 // of the processors that this process had, 1 being all
}

// Run runs the load: each caller calls turns with its own number and Batch, over
// and over. An error ends the load.
func (l Load) Run(turns func(caller, n int) error) (Sample, error) {
	var (
		gate   = make(chan time.Time)
		count  atomic.Int64
		failed atomic.Pointer[error]
		all    sync.WaitGroup
		before runtime.MemStats
		after  runtime.MemStats
	)
	for caller := range l.Callers {
		all.Go(func() {
			begin := <-gate
			n := 0
			for time.Since(begin) < l.Length {
				if err := turns(caller, l.Batch); err != nil {
					failed.Store(&err)
					break
				}
				n += l.Batch
			}
			count.Add(int64(n))
		})
	}
	runtime.ReadMemStats(&before)
	used := CPUTime()
	begin := time.Now()
	for range l.Callers {
		gate <- begin
	}
	all.Wait()
	took := time.Since(begin)
	used = CPUTime() - used
	runtime.ReadMemStats(&after)
	if err := failed.Load(); err != nil {
		return Sample{}, *err
	}
	n := float64(count.Load())
	return Sample{
		NS:     float64(took) / n,
		Allocs: float64(after.Mallocs-before.Mallocs) / n,
		Bytes:  float64(after.TotalAlloc-before.TotalAlloc) / n,
		// A collector that runs beside one caller takes more than one processor.
		Share: min(float64(used)/float64(took)/float64(min(l.Callers, runtime.GOMAXPROCS(0))), 1),
	}, nil
}
