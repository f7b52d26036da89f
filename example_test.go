// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
)

// Line stands for the connection of any client library. It is too busy for its
// first question.
type Line struct{ asked int }

var errBusy = errors.New("the line is busy")

// Ask pretends to ask the other side.
func (l *Line) Ask(_ context.Context, question string) (string, error) {
	if l.asked++; l.asked == 1 {
		return "", errBusy
	}
	return "answer to " + question, nil
}

// Lines is the factory of lines.
type Lines struct{}

func (Lines) Dial(context.Context) (*Line, error) { return &Line{}, nil }

func (Lines) Close(context.Context, *Line) error { return nil }

// classifyLine says what the errors of lines mean: it is worth another attempt to
// ask a busy line.
func classifyLine(err error) core.Class {
	if errors.Is(err, errBusy) {
		return core.Busy("rate_limited", time.Millisecond)
	}
	return core.Class{} // unknown: the cautious reading
}

var ask = core.Op{Name: "Ask"} // declared once

// A client for any connection: the first attempt fails, the second succeeds.
func Example() {
	ctx := context.Background()
	client, err := penstock.Open(ctx, penstock.Backend[*Line]{
		Factory:    Lines{},
		Classifier: classifyLine,
		System:     "example",
	}, penstock.Config{}) // TracerProvider, MeterProvider: where telemetry goes
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close(ctx)

	answer, err := core.Do(ctx, client, ask, func(ctx context.Context, line *Line) (string, error) {
		return line.Ask(ctx, "everything")
	})
	fmt.Println(answer, err)
	fmt.Println(client.Chain())
	// Output:
	// answer to everything <nil>
	// breaker > retry > timeout
}
