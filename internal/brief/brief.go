// SPDX-License-Identifier: Apache-2.0

// Package brief puts the cause of a refusal into the few words that the refusal's own
// error has room for.
package brief

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/errtype"
)

// maxText is how many bytes of a text are kept at most. The text of an error may quote
// a whole request.
const maxText = 200

// Error returns the type and the text of err.
func Error(err error) string {
	kind, text := core.ErrorType(err), err.Error()
	if kind != errtype.Other && !strings.HasPrefix(text, kind) {
		text = kind + ": " + text
	}
	return cut(text)
}

// Text returns the text of err.
func Text(err error) string { return cut(err.Error()) }

// cut returns at most maxText bytes of a text, and says that more was there.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	end := maxText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// Ago says how long ago something was, for people.
func Ago(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "just now"
	case d < time.Second:
		d = d.Round(time.Millisecond)
	case d < time.Minute:
		d = d.Round(100 * time.Millisecond)
	default:
		d = d.Round(time.Second)
	}
	return d.String() + " ago"
}
