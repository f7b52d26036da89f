// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"runtime"
	"time"
)

// Settle gives goroutines that are about to wait the time to do so.
func Settle() {
	for range 20 {
		runtime.Gosched()
		time.Sleep(time.Millisecond)
	}
}
