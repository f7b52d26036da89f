// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock/internal/flush"
)

// lastFlush flushes the telemetry of all clients of an application once, after the
// last of them has closed.
type lastFlush struct {
	later     flush.Later
	once      sync.Once  // appends the hook
	telemetry *telemetry // of the application; nil if it has none
}

// lastOf returns the one flush of an application. Its hook is appended by the first
// client that is made, before that client's own: fx runs the hooks in reverse order.
func lastOf(d depsIn) *lastFlush {
	last := &slices.MinFunc(d.Members, func(a, b *member) int { return cmp.Compare(a.number, b.number) }).last
	last.once.Do(func() {
		last.telemetry = d.Providers.Telemetry
		d.Lifecycle.Append(fx.StopHook(last.stop))
	})
	return last
}

// stop flushes what Telemetry does not flush itself when it shuts down.
func (l *lastFlush) stop(ctx context.Context) error {
	ctx, cancel := half(ctx)
	defer cancel()
	var own any
	if l.telemetry != nil {
		own = l.telemetry.meters()
	}
	left, err := l.later.Close(ctx, own)
	if len(left) > 0 {
		l.telemetry.afterShutdown(left)
	}
	return err
}
