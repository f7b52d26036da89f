// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"

	"github.com/penstock-go/penstock/core"
)

// Line is a connection that answers every second question.
type Line struct{ asked int }

// Ask returns the answer, or an error for every other question.
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

// Close does nothing, because a line holds no resources.
func (Lines) Close(context.Context, *Line) error { return nil }

// classify says what the error of a line means: the question changed nothing, so
// any operation may ask again, and the line is as good as before.
func classify(error) core.Class {
	return core.Class{Verdict: core.Failure, Retry: core.RetryAlways, Conn: core.Keep}
}
