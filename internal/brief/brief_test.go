// SPDX-License-Identifier: Apache-2.0

package brief_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/brief"
)

func TestErrorIsTypeAndText(t *testing.T) {
	refused := core.Sentinel("connection refused", "connect_error")
	for _, row := range []struct {
		err  error
		want string
	}{
		{errors.New("down"), "down"},
		{refused, "connect_error: connection refused"},
		{fmt.Errorf("connect_error: no route: %w", refused), "connect_error: no route: connection refused"},
		{errors.New(strings.Repeat("x", 201)), strings.Repeat("x", 200) + "…"},
		{errors.New(strings.Repeat("x", 199) + "é"), strings.Repeat("x", 199) + "…"},
	} {
		got := brief.Error(row.err)
		if got != row.want || !utf8.ValidString(got) {
			t.Errorf("Error = %q, want %q", got, row.want)
		}
	}
}

func TestTextIsCutAsTheTextOfErrorIs(t *testing.T) {
	for text, want := range map[string]string{"down": "down", strings.Repeat("x", 1<<20): strings.Repeat("x", 200) + "…"} {
		if got := brief.Text(errors.New(text)); got != want {
			t.Errorf("Text = %q, want %q", got, want)
		}
	}
}

func TestAgoIsAsExactAsPeopleNeed(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "just now", 999 * time.Microsecond: "just now", 1400 * time.Microsecond: "1ms ago",
		3249 * time.Millisecond: "3.2s ago", 2 * time.Second: "2s ago", 90*time.Second + 400*time.Millisecond: "1m30s ago",
	} {
		if got := brief.Ago(d); got != want {
			t.Errorf("Ago(%v) = %q, want %q", d, got, want)
		}
	}
}
