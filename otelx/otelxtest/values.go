// SPDX-License-Identifier: Apache-2.0

package otelxtest

import (
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"

	"github.com/penstock-go/penstock/internal/contract"
)

const (
	// maxText is the longest string of the contract. The name of a span is made of
	// two strings and a word.
	maxText     = 256
	maxSpanName = 2*maxText + len(" attempt")

	// overflowKey is on the series into which the SDK folds what is beyond its limit.
	overflowKey = "otel.metric.overflow"
	linkKey     = "penstock.link"
)

// words are the names of errors and things. A text has spaces in it.
var words = regexp.MustCompile(`^[\pL\pN_][\pL\pN_.:/()*\[\]-]*$`)

// ids are values of which there is no end: a UUID, and the ids of traces and spans.
var ids = regexp.MustCompile(`(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}|^[0-9a-f]{16}$|^[0-9a-f]{32}$`)

// typeNames are the types of Weaver by those of OpenTelemetry.
var typeNames = map[attribute.Type]string{
	attribute.BOOL: "boolean", attribute.INT64: "int", attribute.FLOAT64: "double", attribute.STRING: "string",
	attribute.BOOLSLICE: "boolean[]", attribute.INT64SLICE: "int[]", attribute.FLOAT64SLICE: "double[]", attribute.STRINGSLICE: "string[]",
}

// text checks a string that is shown to a person.
func (c *Checker) text(signal, what, s string, most int) {
	if !utf8.ValidString(s) {
		c.findings.add("invalid_utf8", signal, "%s is no valid UTF-8: exporters refuse the whole batch", what)
	}
	if n := utf8.RuneCountInString(s); n > most {
		c.findings.add("too_long", signal, "%s has %d characters, at most %d are allowed", what, n, most)
	}
}

// attributes checks the attributes of a signal, and what is missing of them. empty
// says that nothing was measured with them.
func (c *Checker) attributes(s *contract.Signal, kvs []attribute.KeyValue, empty bool) {
	name := signalItem(s)
	for _, kv := range kvs {
		key := string(kv.Key)
		c.strings(name, kv)
		if key == overflowKey && s.Kind == contract.Metric {
			c.findings.add("unbounded_values", name, "the SDK has folded series into %s: take an attribute away or bound its values", overflowKey)
			continue
		}
		if u := s.Uses[key]; u != nil {
			c.value(s, u, kv, empty)
		} else {
			c.stranger(name, key)
		}
	}
	for _, key := range required(s) {
		if !slices.ContainsFunc(kvs, func(kv attribute.KeyValue) bool { return string(kv.Key) == key }) {
			if s.Kind == contract.Metric && slices.ContainsFunc(kvs, func(kv attribute.KeyValue) bool { return kv.Key == overflowKey }) {
				continue
			}
			c.findings.add("required_attribute_not_present", name, "%s is required", key)
		}
	}
}

// required returns the attributes that the signal must have, sorted.
func required(s *contract.Signal) (keys []string) {
	for key, u := range s.Uses {
		if u.Required && !u.Mark.Planned {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// stranger reports an attribute that the signal should not have.
func (c *Checker) stranger(signal, key string) {
	if c.allows(key) {
		return
	}
	a := c.registry.Attributes[key]
	switch {
	case a == nil:
		c.findings.add("missing_attribute", signal, "%s is in no registry: define it in one, or allow it", key)
	case a.Deprecated != "":
		c.findings.add("deprecated", signal, "%s is deprecated: %s", key, a.Deprecated)
	default:
		c.findings.add("unexpected_attribute", signal, "%s is defined, but not for this signal: add it to the signal in the registry", key)
	}
}

// strings checks the key and all strings in the value.
func (c *Checker) strings(signal string, kv attribute.KeyValue) {
	c.text(signal, "a key", string(kv.Key), maxText)
	switch kv.Value.Type() {
	case attribute.STRING:
		c.text(signal, "the value of "+string(kv.Key), kv.Value.AsString(), maxText)
	case attribute.STRINGSLICE:
		for _, s := range kv.Value.AsStringSlice() {
			c.text(signal, "a value of "+string(kv.Key), s, maxText)
		}
	}
}

// value checks the value of an attribute that the signal may have.
func (c *Checker) value(s *contract.Signal, u *contract.Use, kv attribute.KeyValue, empty bool) {
	signal, value := signalItem(s), kv.Value.String()
	if u.Deprecated != "" && !u.Mark.Keep {
		c.findings.add("deprecated", signal, "%s is deprecated: %s", u.Key, u.Deprecated)
	}
	if got := typeNames[kv.Value.Type()]; got != u.Type && u.Type != contract.Any {
		c.findings.add("type_mismatch", signal, "%s is %s, want %s", u.Key, got, u.Type)
		return
	}
	listed, _ := u.Listed()
	known := slices.Contains(listed, value)
	switch {
	case known || value == otherValue:
	case u.Mark.Word:
		if !words.MatchString(value) || len(value) > 128 || ids.MatchString(value) {
			c.findings.add("not_a_word", signal, "%s is %.80q, want a name that is the same for all such cases", u.Key, value)
		}
	case len(u.Values) > 0 && !u.Mark.Open:
		c.findings.add("undefined_enum_variant", signal, "%s is %.80q, want one of %q", u.Key, value, u.Values)
	}
	if s.Kind == contract.Metric {
		c.distinct(s, u, value)
	}
	if empty {
		return
	}
	c.seen[useItem(s, u)] = true
	if known {
		c.seen[valueItem(u.Key, value)] = true
	}
}

// otherValue stands for values beyond a limit, in any attribute.
const otherValue = "_OTHER"

// distinct counts the different values of an attribute of a metric.
func (c *Checker) distinct(s *contract.Signal, u *contract.Use, value string) {
	most := u.Mark.MaxValues
	if most == 0 {
		return // an enumeration is bounded
	}
	key := useItem(s, u)
	if c.values[key] == nil {
		c.values[key] = map[string]bool{}
	}
	if c.values[key][value] = true; len(c.values[key]) == most+1 {
		c.findings.add("unbounded_values", signalItem(s), "%s has more than %d different values, such as %s", u.Key, most, fmt.Sprintf("%.80q", value))
	}
}
