// SPDX-License-Identifier: Apache-2.0

// Middleware adds a stage of its own to the chain, for a backend of its own: a
// connection type that is no database's, lent exclusively.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool"
)

// NewAudit returns a stage that logs every attempt that failed.
func NewAudit(log *slog.Logger) core.Stage {
	return core.Stage{Name: "audit", Middleware: func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			err := next(ctx, call)
			if err != nil {
				log.WarnContext(ctx, "attempt failed", "op", call.Op.Name, "attempt", call.Attempt(), "error", err)
			}
			return err
		}
	}}
}

// Line is a connection that answers every second question.
type Line struct{ asked int }

// Ask returns the answer.
func (l *Line) Ask(question string) (string, error) {
	if l.asked++; l.asked%2 == 1 {
		return "", errors.New("line is noisy")
	}
	return "answer to " + question, nil
}

// Lines makes lines. It is a pool.Factory[*Line].
type Lines struct{}

// Dial returns a new line.
func (Lines) Dial(context.Context) (*Line, error) { return &Line{}, nil }

// Close does nothing: a line has nothing to close.
func (Lines) Close(context.Context, *Line) error { return nil }

var ask = core.Op{Name: "Ask", Safety: core.ReadOnly}

// classify tells what a line's errors mean: it is as good as before, and asking
// again helps.
func classify(error) core.Class {
	return core.Class{Verdict: core.Failure, Retryable: true, Conn: core.Keep}
}

func main() {
	app := fx.New(
		fxmodule.Module(fxmodule.Chain(middleware.Config{Retry: retry.Config{Interval: 10 * time.Millisecond}})),
		fxmodule.Client[*Line](),
		fxmodule.AsMiddleware(NewAudit, fxmodule.After("retry")),
		fx.Provide(func() pool.Factory[*Line] { return Lines{} }, newLogger),
		fx.Supply(fxmodule.Backend[*Line]{Classifier: classify}),
		fx.Invoke(question),
		fx.NopLogger,
	)
	app.Run()
}

func question(lifecycle fx.Lifecycle, stop fx.Shutdowner, client *core.Client[*Line]) {
	lifecycle.Append(fx.StartHook(func(ctx context.Context) error {
		answer, err := core.Do(ctx, client, ask, func(_ context.Context, l *Line) (string, error) {
			return l.Ask("everything")
		})
		if err != nil {
			return err
		}
		chain, _ := core.Part[*middleware.Chain](client)
		fmt.Println(answer)
		fmt.Println(chain)
		return stop.Shutdown()
	}))
}

func newLogger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{} // so that every run prints the same
			}
			return a
		},
	}))
}
