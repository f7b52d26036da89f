// SPDX-License-Identifier: Apache-2.0

package config

import (
	"context"
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

	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/pool/milvus"
)

const (
	prefix = "PENSTOCK_"
	delim  = "."
)

// notOurs are variables with our prefix that the project's own tests read.
var notOurs = []string{"PENSTOCK_CACHE", "PENSTOCK_REQUIRE_REAL"}

// Load returns the configuration in a YAML file, overridden by the environment.
// An empty name means no file; a variable that is empty is as good as none.
//
// Everything that is wrong is named in one error: settings and variables that
// nobody knows, values that are of the wrong kind, negative or zero, and values
// that contradict each other. No error and no log line shows a password, an API
// key, or text of the file that could be one.
func Load(file string) (milvus.ClientConfig, error) {
	var (
		l   = loader{file: file, k: koanf.New(delim), env: koanf.New(delim)}
		t   target
		err error
	)
	fields := t.fields()
	l.read(fields)
	for _, f := range fields {
		if l.k.Exists(f.key) {
			l.set(f)
		}
	}
	if t.client.TLS, err = t.tls.load(); err != nil {
		l.faults = append(l.faults, err)
	}
	l.faults = append(l.faults, check(t.client)...)
	if len(l.faults) > 0 {
		return milvus.ClientConfig{}, fmt.Errorf("config: %w", errors.Join(l.faults...))
	}
	return t.client, nil
}

// Keys returns the names of all settings. The variable that sets one is
// PENSTOCK_ and its name in upper case, with an underscore for each dot.
func Keys() []string {
	fields := new(target).fields()
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	return keys
}

func variable(key string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(key, delim, "_"))
}

// loader gathers what the sources say, and what is wrong with it.
type loader struct {
	file   string
	k, env *koanf.Koanf // everything, and the environment alone
	faults []error
}

func (l *loader) fault(format string, args ...any) {
	l.faults = append(l.faults, fmt.Errorf(format, args...))
}

// read reads the sources.
func (l *loader) read(fields []field) {
	keys := make(map[string]string, len(fields)) // by variable
	for _, f := range fields {
		keys[variable(f.key)] = f.key
	}
	if l.file != "" {
		l.readFile()
	}
	for _, key := range l.k.Keys() {
		if _, known := keys[variable(key)]; (!known || key != keys[variable(key)]) && !l.empty(key) {
			l.fault("%s: unknown setting %q", l.file, key)
		}
	}
	// Neither can fail: the sources are maps in memory.
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

// empty reports whether key has no value: a section of a file whose lines are
// all commented out.
func (l *loader) empty(key string) bool {
	section, isSection := l.k.Get(key).(map[string]any)
	return l.k.Get(key) == nil || isSection && len(section) == 0
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
		// Not the error itself, which quotes the file.
		where := strings.Join(line.FindAllString(err.Error(), -1), ", ")
		if where != "" {
			where = ", see " + where
		}
		l.fault("%s: not a YAML document with settings%s", l.file, where)
		return
	}
	_ = l.k.Load(confmap.Provider(values, delim), nil)
}

// check returns what a client made of cfg would be refused for.
func check(cfg milvus.ClientConfig) []error {
	var faults []error
	if _, err := milvus.NewPool(cfg.Config); err != nil { // dials nothing
		faults = append(faults, err)
	}
	cfg.Chain.OperationTimeout = cfg.Timeout
	cfg.Chain.Health.Probe = func(context.Context) error { return nil } // the real one needs a pool
	if _, err := middleware.Build(cfg.Chain); err != nil {
		faults = append(faults, err)
	}
	return faults
}
