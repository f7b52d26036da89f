// SPDX-License-Identifier: Apache-2.0

package text_test

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"

	"github.com/penstock-go/penstock/internal/text"
)

func TestCleanStringsAreValidAndShort(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"plain", "docs", "docs"},
		{"control characters stay", "a\x00b\tc\n\x1b[31m", "a\x00b\tc\n\x1b[31m"},
		{"bad bytes", "docs-\xff\xfe", "docs-\uFFFD"},
		{"two runs of bad bytes", "\xffa\xc0\xaf", "\uFFFDa\uFFFD"},
		{"a surrogate", "\xed\xa0\x80", "\uFFFD"},
		{"just short enough", strings.Repeat("a", text.Max), strings.Repeat("a", text.Max)},
		{"short enough in characters", strings.Repeat("é", text.Max), strings.Repeat("é", text.Max)},
		{"one too long", strings.Repeat("é", text.Max+1), strings.Repeat("é", text.Max-1) + "…"},
		{"far too long", strings.Repeat("a", 10_000), strings.Repeat("a", text.Max-1) + "…"},
		{"long and bad", strings.Repeat("\xff", 10_000), "\uFFFD…"},
	} {
		if got := text.Clean(tt.in); got != tt.want {
			t.Errorf("%s: Clean = %q, want %q", tt.name, got, tt.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"docs", "\xff", strings.Repeat("é", 300), strings.Repeat("\xf0\x9f", 200)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := text.Clean(s)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > text.Max || text.Clean(got) != got {
			t.Errorf("Clean(%q) = %q", s, got)
		}
		if utf8.ValidString(s) && utf8.RuneCountInString(s) <= text.Max && got != s {
			t.Errorf("Clean changes the clean string %q to %q", s, got)
		}
	})
}

func TestCleanStringsCostNoAllocation(t *testing.T) {
	s := strings.Repeat("docs", 60)
	if n := testing.AllocsPerRun(100, func() { text.Clean(s) }); n != 0 {
		t.Errorf("Clean costs %v allocations, want 0", n)
	}
}

func TestAttributesOfEveryTypeAreClean(t *testing.T) {
	inner := []attribute.KeyValue{attribute.String("k\xff", "v\xff"), attribute.Int("n", 1)}
	for _, tt := range []struct{ in, want attribute.KeyValue }{
		{attribute.Int("\xff", 1), attribute.Int("\uFFFD", 1)},
		{attribute.String("s", "\xff"), attribute.String("s", "\uFFFD")},
		{attribute.StringSlice("s", []string{"a", "\xff"}), attribute.StringSlice("s", []string{"a", "\uFFFD"})},
		{
			attribute.KeyValue{Key: "s", Value: attribute.SliceValue(attribute.StringValue("\xff"), attribute.BoolValue(true))},
			attribute.KeyValue{Key: "s", Value: attribute.SliceValue(attribute.StringValue("\uFFFD"), attribute.BoolValue(true))},
		},
		{
			attribute.KeyValue{Key: "m", Value: attribute.MapValue(inner...)},
			attribute.KeyValue{Key: "m", Value: attribute.MapValue(attribute.String("k\uFFFD", "v\uFFFD"), attribute.Int("n", 1))},
		},
	} {
		if got := text.Attribute(tt.in); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("Attribute(%v) = %v, want %v", tt.in, got, tt.want)
		}
	}
}
