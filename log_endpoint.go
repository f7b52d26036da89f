// SPDX-License-Identifier: Apache-2.0

package penstock

import (
	"context"
	"log/slog"

	"github.com/penstock-go/penstock/pool/endpoint"
)

// endpoint logs that an endpoint was ejected, let back in, found, or is gone,
// or that the lookup of a host failed.
func (l *logged) endpoint(ctx context.Context, pool string, c endpoint.Change) {
	level, message, attrs := slog.LevelInfo, "penstock: endpoint found", []slog.Attr{slog.String("endpoint", c.Address)}
	switch {
	case c.To == endpoint.Ejected:
		level, message = slog.LevelWarn, "penstock: endpoint ejected"
		attrs = append(attrs, slog.String("reason", string(c.Reason)), slog.Duration("for", c.For),
			slog.Int("ejected", c.Ejected), slog.Int("endpoints", c.Endpoints), slog.Bool("all_used", c.Panic))
	case c.Reason == endpoint.ReasonUnknownHost:
		level, message = slog.LevelWarn, "penstock: host of endpoints unknown"
	case c.To == endpoint.Gone:
		message = "penstock: endpoint gone"
	case c.Reason == endpoint.ReasonProbe:
		message = "penstock: endpoint let back in"
	}
	if pool != l.pool { // of a lane
		attrs = append(attrs, slog.String("lane", pool))
	}
	l.write(ctx, &l.endpoints, level, message, c.Err, attrs...)
}
