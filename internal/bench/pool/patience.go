// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"sync"
	"time"
)

// patience is how long the run may still wait for other processes to let the
// processors go, all together. What they do in bursts is then measured around.
var patience time.Duration

// await returns when the processors are free, or patience is over.
func await() {
	for patience > 0 && !free() {
		const pause = 100 * time.Millisecond
		time.Sleep(pause)
		patience -= pause
	}
}

// again reports whether a measurement that had that share of the processors is
// to be made again, after it has cost some patience.
func again(share float64, took time.Duration) bool {
	if share <= 0 || share >= enough || patience <= 0 {
		return false
	}
	patience -= took
	return true
}

// enough of the processors is what a measurement must have had, where callers
// take what they get.
const enough = 0.93

// free reports whether this process gets all processors if it wants them.
func free() bool {
	const length = 10 * time.Millisecond
	used, begin := cpuTime(), time.Now()
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for time.Since(begin) < length {
			}
		})
	}
	all.Wait()
	took := time.Since(begin)
	used = cpuTime() - used
	return used == 0 || float64(used) >= enough*float64(took)*float64(runtime.GOMAXPROCS(0))
}
