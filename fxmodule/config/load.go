// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/v2"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/pool/milvus"
)

const (
	prefix = "PENSTOCK_"
	delim  = "."
)

// notOurs are variables of Penstock's own tests. They have the prefix, and Load
// ignores them.
var notOurs = []string{"PENSTOCK_CACHE", "PENSTOCK_REQUIRE_REAL"}

// Load returns the configuration in a YAML file; a variable of the environment
// replaces the value in the file. An empty name means no file. An empty variable
// counts as not set.
//
// One error names everything that is wrong: unknown settings and variables,
// values of the wrong kind, negative values and zeros, and values that contradict
// each other. No error shows a password, an API key, or text of the file that
// could be one.
func Load(file string) (milvus.Config, penstock.Config, error) {
	var (
		l   = loader{file: file, k: koanf.New(delim), env: koanf.New(delim)}
		t   target
		err error
	)
	l.read(Keys())
	for _, f := range t.fields(l.has) {
		if l.k.Exists(f.key) {
			l.set(f)
		}
	}
	if t.milvus.TLS, err = t.tls.load(); err != nil {
		l.faults = append(l.faults, err)
	}
	l.faults = append(l.faults, check(t.milvus, t.client)...)
	if len(l.faults) > 0 {
		return milvus.Config{}, penstock.Config{}, fmt.Errorf("config: %w", errors.Join(l.faults...))
	}
	return t.milvus, t.client, nil
}

// Keys returns the names of all settings. The variable that sets one is
// PENSTOCK_ and its name in upper case, with an underscore for each dot.
func Keys() []string {
	fields := new(target).fields(func(string) bool { return true })
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	return keys
}

// variable returns the name of the variable that sets a key.
func variable(key string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(key, delim, "_"))
}

// loader reads the sources and collects their faults.
type loader struct {
	file   string
	k      *koanf.Koanf // values of the file and the environment
	env    *koanf.Koanf // values of the environment alone
	faults []error
}

func (l *loader) fault(format string, args ...any) {
	l.faults = append(l.faults, fmt.Errorf(format, args...))
}

// read reads the file and the environment.
func (l *loader) read(known []string) {
	keys := make(map[string]string, len(known)) // by variable
	for _, key := range known {
		keys[variable(key)] = key
	}
	if l.file != "" {
		l.readFile()
	}
	for _, key := range l.k.Keys() {
		if _, known := keys[variable(key)]; (!known || key != keys[variable(key)]) && !l.empty(key) {
			l.fault("%s: unknown setting %q", l.file, key)
		}
	}
	// Neither Load nor Merge can fail: the sources are maps in memory.
	_ = l.env.Load(env.Provider(delim, env.Opt{Prefix: prefix, TransformFunc: func(name, value string) (string, any) {
		key, known := keys[name]
		if !known && !slices.Contains(notOurs, name) {
			l.fault("unknown variable %s", name)
		}
		if value == "" {
			return "", nil
		}
		return key, value
	}}), nil)
	_ = l.k.Merge(l.env)
}

// empty reports whether key has no value, as a section has none whose lines are
// all commented out.
func (l *loader) empty(key string) bool {
	section, isSection := l.k.Get(key).(map[string]any)
	return l.k.Get(key) == nil || isSection && len(section) == 0
}

// has reports whether a section holds at least one value.
func (l *loader) has(section string) bool {
	return slices.ContainsFunc(l.k.Keys(), func(key string) bool {
		return strings.HasPrefix(key, section+delim) && !l.empty(key)
	})
}

var line = regexp.MustCompile(`line \d+`)

func (l *loader) readFile() {
	text, err := os.ReadFile(l.file)
	if err != nil {
		l.fault("%w", err)
		return
	}
	values, err := yaml.Parser().Unmarshal(text)
	if err != nil {
		// The error itself quotes the file, so only its line numbers are told.
		where := strings.Join(line.FindAllString(err.Error(), -1), ", ")
		if where != "" {
			where = ", see " + where
		}
		l.fault("%s: not a YAML document with settings%s", l.file, where)
		return
	}
	_ = l.k.Load(confmap.Provider(values, delim), nil)
}

// check returns the faults that milvus.Open would find.
func check(cfg milvus.Config, client penstock.Config) []error {
	b, err := cfg.Backend() // dials nothing
	_, clientErr := penstock.New(b, client)
	var faults []error
	for _, err := range []error{err, clientErr} {
		if err != nil {
			faults = append(faults, err)
		}
	}
	return faults
}
