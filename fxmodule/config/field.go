// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool/lane"
	"github.com/penstock-go/penstock/pool/milvus"
)

// target is what Load fills.
type target struct {
	milvus milvus.Config
	client penstock.Config
	tls    tlsFiles
}

// field is a setting and the place of its value.
type field struct {
	key  string
	to   any    // pointer to the value; its type says which values are valid
	name string // name of the field in Go
}

// named reports whether a fault of the whole configuration names the field. In such
// a line the name of the section's package or field comes first.
func (f field) named(line string) bool {
	section, _, inSection := strings.Cut(f.key, delim)
	if at := strings.Index(strings.ToLower(line), section); inSection && at < 0 {
		return false
	} else if inSection {
		line = line[at+len(section):]
	}
	return regexp.MustCompile(`\b` + f.name + `\b`).MatchString(line)
}

// fields returns all settings except those of stages that are not wanted. It
// adds each wanted stage to the chain, because a stage whose configuration is a
// pointer has no fields before.
func (t *target) fields(wanted func(section string) bool) []field {
	var (
		c     = &t.milvus
		chain = &t.client.Chain
	)
	fields := []field{
		{"address", &c.Address, "Address"},
		{"addresses", &c.Addresses, "Addresses"},
		{"lanes", &c.Lanes, "Lanes"},
		{"database", &c.Database, "Database"},
		{"username", &c.Username, "Username"},
		{"password", &c.Password, "Password"},
		{"api_key", &c.APIKey, "APIKey"},
		{"propagation_disabled", &c.PropagationDisabled, "PropagationDisabled"},
		{"query_text", &c.QueryText, "QueryText"},

		{"tls.enabled", &t.tls.enabled, "enabled"},
		{"tls.ca_file", &t.tls.ca, "ca_file"},
		{"tls.cert_file", &t.tls.cert, "cert_file"},
		{"tls.key_file", &t.tls.key, "key_file"},
		{"tls.server_name", &t.tls.serverName, "server_name"},
	}
	fields = append(fields, section("endpoints", &c.Endpoints)...)
	fields = append(fields, []field{
		{"max_async", &t.client.MaxAsync, "MaxAsync"},
		{"use_time", &t.client.UseTime, "UseTime"},
		{"operation_timeout", &chain.OperationTimeout, "OperationTimeout"},
		{"order", &chain.Order, "Order"},
	}...)
	fields = append(fields, section("pool", &c.Pool)...)
	for _, name := range middleware.DefaultOrder() {
		if wanted(name) {
			fields = append(fields, section(name, chain.Settings(name))...)
		}
	}
	return fields
}

// section returns a setting for each field of *cfg whose value a file can hold.
// A stage has no setting for its name, which is the name of the pool. A nil cfg
// has no settings.
func section(name string, cfg any) (fields []field) {
	if cfg == nil {
		return nil
	}
	v := reflect.ValueOf(cfg).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Name == "Name" && name != "pool" {
			continue
		}
		switch to := v.Field(i).Addr().Interface().(type) {
		case *string, *bool, *int, *float64, *time.Duration, *retry.Jitter:
			fields = append(fields, field{name + delim + snake(f.Name), to, f.Name})
		}
	}
	return fields
}

var word = regexp.MustCompile(`[A-Z][^A-Z]*`)

// snake returns a Go name in the style of a file: MaxSize becomes max_size.
func snake(name string) string {
	return strings.ToLower(strings.Join(word.FindAllString(name, -1), "_"))
}

// set stores the value of a setting, or reports that the value is bad. A bad value
// is not stored, because the check of the whole would report it again.
func (l *loader) set(f field) {
	before := len(l.faults)
	defer func() {
		if len(l.faults) > before {
			reflect.ValueOf(f.to).Elem().SetZero()
			l.bad = append(l.bad, f)
		}
	}()
	value, where := l.k.Get(f.key), l.file+": "+f.key
	if text, ok := l.env.Get(f.key).(string); ok {
		value, where = parse(f.to, text), variable(f.key)
	}
	if value == nil {
		return // the file has the key without a value
	}
	wants := ""
	switch to := f.to.(type) {
	case *milvus.Secret:
		text, ok := value.(string)
		if *to = milvus.NewSecret(text); !ok {
			l.fault("%s is not text; put it in quotes", where) // without the value
		}
	case *string:
		wants = assign(to, value, "text, in quotes if it looks like anything else")
	case *bool:
		wants = assign(to, value, "true or false")
	case *int:
		if wants = assign(to, value, "a whole number"); wants == "" {
			l.positive(where, float64(*to), value)
		}
	case *float64:
		if n, ok := value.(int); ok {
			value = float64(n)
		}
		if wants = assign(to, value, "a number"); wants == "" {
			l.positive(where, *to, value)
		}
	case *time.Duration:
		if value == 0 {
			value = "0" // a zero needs no unit
		}
		text, _ := value.(string)
		d, err := time.ParseDuration(text)
		if *to = d; err != nil {
			wants = "a duration with its unit, such as 500ms or 3s"
		} else {
			l.positive(where, float64(d), value)
		}
	case encoding.TextUnmarshaler:
		text, ok := value.(string)
		if !ok {
			text = show(value)
		}
		if err := to.UnmarshalText([]byte(text)); err != nil {
			l.fault("%s: %w", where, err)
		}
	case *[]lane.Lane:
		if *to = lane.ReadWrite(); value != "read_write" {
			wants = "read_write"
		}
	case *[]string:
		names, ok := texts(value)
		if *to = names; !ok {
			wants = "a list of names"
		}
	}
	if wants != "" {
		l.fault("%s is %s, want %s", where, show(value), wants)
	}
}

// parse returns the value of a variable as a file would hold it. Text that is no
// such value is returned as it is, for set to report.
func parse(to any, text string) any {
	var (
		value any
		err   error
	)
	switch to.(type) {
	case *bool:
		value, err = strconv.ParseBool(text)
	case *int:
		value, err = strconv.Atoi(text)
	case *float64:
		value, err = strconv.ParseFloat(text, 64)
	case *[]string:
		var names []any
		for name := range strings.SplitSeq(text, ",") {
			names = append(names, strings.TrimSpace(name))
		}
		return names
	default:
		return text
	}
	if err != nil {
		return text
	}
	return value
}

// assign stores value if it is a T. Otherwise it returns want.
func assign[T any](to *T, value any, want string) (wants string) {
	v, ok := value.(T)
	if !ok {
		return want
	}
	*to = v
	return ""
}

// positive reports a number that is not above zero.
func (l *loader) positive(where string, number float64, value any) {
	if !(number > 0) {
		l.fault("%s is %v, want more than 0: leave it out for the default", where, value)
	}
}

func texts(value any) (names []string, ok bool) {
	values, ok := value.([]any)
	ok = ok && len(values) > 0
	for _, v := range values {
		name, isText := v.(string)
		names, ok = append(names, name), ok && isText && name != ""
	}
	return names, ok
}

// show describes a bad value in an error.
func show(value any) string {
	switch v := value.(type) {
	case string:
		return strconv.Quote(v)
	case []any:
		return "a list"
	case map[string]any:
		return "a section"
	default:
		return fmt.Sprint(v)
	}
}
