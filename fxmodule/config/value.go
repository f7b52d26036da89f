// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"go.yaml.in/yaml/v3"
)

// value is the value of a setting, from one place.
type value struct {
	key   string
	where place
	v     reflect.Value // invalid if the value is bad
	file  string        // of the secret, if the value is in a file of its own
}

// scalar returns a node that holds the text of a variable as a file would hold it.
// Text that is no such value stays text, and decode reports it.
func scalar(s Setting, text string) *yaml.Node {
	node := func(tag, text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text} }
	if s.FromFile || reflect.PointerTo(s.Type).Implements(unmarshaler) {
		return node("!!str", text)
	}
	switch kind := s.Type.Kind(); {
	case kind == reflect.Slice:
		list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for item := range strings.SplitSeq(text, ",") {
			list.Content = append(list.Content, scalar(s.item(), strings.TrimSpace(item)))
		}
		return list
	case kind == reflect.Bool:
		if b, err := strconv.ParseBool(text); err == nil {
			return node("!!bool", strconv.FormatBool(b))
		}
	case kind == reflect.Float32 || kind == reflect.Float64:
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			return node("!!float", text)
		}
	case kind != reflect.String && s.Type != duration:
		if _, err := strconv.ParseInt(text, 10, 64); err == nil {
			return node("!!int", text)
		}
	}
	return node("!!str", text)
}

// item returns the setting of one value in a list.
func (s Setting) item() Setting {
	s.Type = s.Type.Elem()
	return s
}

// decode returns the value that a node holds. It says what the setting wants in place of
// a bad value, or else what is wrong.
func (s Setting) decode(node *yaml.Node) (v reflect.Value, wants string, err error) {
	v = reflect.New(s.Type).Elem()
	isText := node.Kind == yaml.ScalarNode && node.ShortTag() == "!!str"
	if s.FromFile {
		if !isText || node.Value == "" {
			return v, "the name of a file", nil
		}
		text, err := readSecret(node.Value)
		if err == nil {
			err = s.fill(v, text)
		}
		return v, "", err
	}
	if to, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		switch {
		case s.Secret && !isText:
			return v, "text: put it in quotes", nil
		case node.Kind != yaml.ScalarNode:
			return v, "text", nil
		}
		if err := unmarshal(to, node.Value); err != nil && s.Secret {
			return v, "another text", nil
		} else {
			return v, "", err
		}
	}
	if s.Type.Kind() != reflect.Slice {
		return v, s.scalar(v, node), nil
	}
	if node.Kind != yaml.SequenceNode || len(node.Content) == 0 {
		return v, s.kind(), nil
	}
	for _, n := range node.Content {
		one, wants, err := s.item().decode(n)
		if wants != "" || err != nil || one.Kind() == reflect.String && one.Len() == 0 {
			return v, s.kind(), nil
		}
		v.Set(reflect.Append(v, one))
	}
	return v, "", nil
}

// unmarshal sets a value of a type of the user's. A panic of the type is an error: a file
// that changes must not end the program.
func unmarshal(to encoding.TextUnmarshaler, text string) error {
	return apart("UnmarshalText", func() error { return to.UnmarshalText([]byte(text)) })
}

// fill sets v to a secret text.
func (s Setting) fill(v reflect.Value, text string) error {
	if to, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if unmarshal(to, text) != nil {
			return fmt.Errorf("the text in the file is not valid: correct the file")
		}
		return nil
	}
	v.SetString(text)
	return nil
}

// kind says which values the setting wants.
func (s Setting) kind() string {
	switch kind := s.Type.Kind(); {
	case s.FromFile:
		return "the name of a file"
	case kind == reflect.Slice && s.Type.Elem().Kind() == reflect.String:
		return "a list of names"
	case kind == reflect.Slice && s.Type.Elem() == duration:
		return "a list of durations, such as [500ms, 3s]"
	case kind == reflect.Slice && leafNumber(s.Type.Elem()):
		return "a list of numbers"
	case kind == reflect.Slice:
		return "a list of values"
	case s.Type == duration:
		return "a duration with its unit, such as 500ms or 3s"
	case kind == reflect.String:
		return "text, in quotes if it looks like anything else"
	case kind == reflect.Bool:
		return "true or false"
	case kind == reflect.Float32 || kind == reflect.Float64:
		return "a number"
	case s.size:
		return "a number of bytes, such as 64MiB"
	default:
		return "a whole number"
	}
}

// scalar sets v to the value in a node. It returns what the setting wants if the node has
// no such value.
func (s Setting) scalar(v reflect.Value, node *yaml.Node) (wants string) {
	text, tag := node.Value, node.ShortTag()
	if node.Kind != yaml.ScalarNode {
		return s.kind()
	}
	if word, ok := words[s.Key][text]; ok {
		v.Set(reflect.ValueOf(word).Convert(s.Type))
		return ""
	}
	switch kind := s.Type.Kind(); {
	case s.Type == duration:
		d, err := time.ParseDuration(text)
		if err != nil || tag != "!!str" && text != "0" {
			return s.kind()
		}
		v.SetInt(int64(d))
		return s.positive(float64(d))
	case kind == reflect.String:
		if tag != "!!str" {
			return s.kind()
		}
		v.SetString(text)
	case kind == reflect.Bool:
		if tag != "!!bool" || node.Decode(v.Addr().Interface()) != nil {
			return s.kind()
		}
	case kind == reflect.Float32 || kind == reflect.Float64:
		var n float64
		if tag != "!!int" && tag != "!!float" || node.Decode(&n) != nil || math.IsInf(n, 0) || v.OverflowFloat(n) {
			return s.kind()
		}
		v.SetFloat(n)
		return s.positive(n)
	default:
		return s.number(v, node)
	}
	return ""
}

// number sets v to the whole number in a node.
func (s Setting) number(v reflect.Value, node *yaml.Node) (wants string) {
	var n int64
	switch tag := node.ShortTag(); {
	case tag == "!!int" && node.Decode(&n) == nil:
	case tag == "!!str" && s.size:
		bytes, err := humanize.ParseBytes(node.Value)
		if err != nil || bytes > math.MaxInt64 {
			return s.kind()
		}
		n = int64(bytes)
	default:
		return s.kind()
	}
	switch wants = s.positive(float64(n)); {
	case wants != "":
		return wants
	case v.CanUint() && n < 0:
		return "0 or more"
	case v.CanUint() && !v.OverflowUint(uint64(n)):
		v.SetUint(uint64(n))
	case v.CanInt() && !v.OverflowInt(n):
		v.SetInt(n)
	default:
		return "a smaller number"
	}
	return ""
}

// positive refuses a number that is not above zero.
func (s Setting) positive(n float64) (wants string) {
	if n > 0 || s.any {
		return ""
	}
	return "more than 0: leave it out for the default"
}

func leafNumber(t reflect.Type) bool {
	return t.Kind() >= reflect.Int && t.Kind() <= reflect.Float64 && !reflect.PointerTo(t).Implements(unmarshaler)
}

// show describes a bad value in an error. It never shows a secret.
func (s Setting) show(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.Kind == yaml.MappingNode:
		return "a section"
	case s.Secret:
		return "not valid"
	case node.ShortTag() == "!!str" && (s.Type != duration || !numeric(node.Value)):
		return strconv.Quote(short(node.Value))
	default:
		return short(node.Value)
	}
}

// numeric reports whether text is a duration, which reads better without quotes.
func numeric(text string) bool {
	_, err := time.ParseDuration(text)
	return err == nil
}

// short cuts a text that would fill the line.
func short(text string) string {
	const most = 40
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most]) + "..."
	}
	return text
}

// copied returns v, with a list of its own.
func copied(v reflect.Value) reflect.Value {
	if v.Kind() != reflect.Slice || v.IsNil() {
		return v
	}
	out := reflect.MakeSlice(v.Type(), 0, v.Len())
	return reflect.AppendSlice(out, v)
}

// sorted returns the keys of m in order.
func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
