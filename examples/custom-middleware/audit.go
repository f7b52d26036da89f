// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
)

// NewAudit returns a stage that logs every attempt that failed.
func NewAudit(log *slog.Logger) middleware.Stage {
	return middleware.Stage{Name: "audit", Description: "logs every attempt that failed", Middleware: func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			err := next(ctx, call)
			if err != nil {
				log.WarnContext(ctx, "attempt failed", "op", call.Op.Name, "attempt", call.Attempt(), "error", err)
			}
			return err
		}
	}}
}

// newLogger returns a logger that writes no time, so every run prints the same.
func newLogger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}
