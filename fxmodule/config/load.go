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

var (
	serviceHost = regexp.MustCompile(`_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$`)
	servicePort = regexp.MustCompile(`_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$`)
	serviceURL  = regexp.MustCompile(`^(tcp|udp|sctp)://`)
)

// fromKubernetes reports whether a variable that is no setting is one of those that
// Kubernetes gives every container, for a Service whose name is penstock or begins
// with penstock-. PENSTOCK_PORT alone could be meant as a setting, and is told apart
// by its value.
func fromKubernetes(name, value string) bool {
	if serviceHost.MatchString(name) {
		return true
	}
	m := servicePort.FindStringSubmatch(name)
	return m != nil && (m[3] != "" || serviceURL.MatchString(value))
}

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
		l = loader{file: file, k: koanf.New(delim), env: koanf.New(delim)}
		t target
	)
	l.read(Keys())
	for _, f := range t.fields(l.has) {
		if l.k.Exists(f.key) {
			l.set(f)
		}
	}
	l.add(t.tls.set(&t.milvus))
	l.add(check(t.milvus, t.client))
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
	bad    []field // settings whose values were reported
}

func (l *loader) fault(format string, args ...any) {
	l.faults = append(l.faults, fmt.Errorf(format, args...))
}

// add adds the faults in err, which has a line for each of them, except those that
// are about a setting whose own value was reported: they follow from that.
func (l *loader) add(err error) {
	if err == nil {
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !slices.ContainsFunc(l.bad, func(f field) bool { return f.named(line) }) {
			l.faults = append(l.faults, errors.New(line))
		}
	}
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
		if !slices.Contains(known, key) && !l.empty(key) {
			l.unknown(key, known)
		}
	}
	// Neither Load nor Merge can fail: the sources are maps in memory.
	_ = l.env.Load(env.Provider(delim, env.Opt{Prefix: prefix, TransformFunc: func(name, value string) (string, any) {
		key, known := keys[name]
		if !known && !slices.Contains(notOurs, name) && !fromKubernetes(name, value) {
			l.fault("unknown variable %s: docs/configuration.md lists all settings", name)
		}
		if value == "" {
			return "", nil
		}
		return key, value
	}}), nil)
	_ = l.k.Merge(l.env)
}

// unknown reports that the file has a key that is not known. A key below a setting is
// not reported: the setting has a value of the wrong kind, which set reports.
func (l *loader) unknown(key string, known []string) {
	if slices.ContainsFunc(known, func(setting string) bool { return strings.HasPrefix(key, setting+delim) }) {
		return
	}
	if at := slices.IndexFunc(known, func(setting string) bool { return strings.HasPrefix(setting, key+delim) }); at >= 0 {
		l.fault("%s: %s has no value of its own: it holds settings such as %s", l.file, key, known[at])
		return
	}
	l.fault("%s: unknown setting %q: docs/configuration.md lists all settings", l.file, key)
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

// line matches a line number in an error of the parser.
var line = regexp.MustCompile(`line \d+`)

func (l *loader) readFile() {
	text, err := os.ReadFile(l.file)
	if err != nil {
		l.fault("%w", err)
		return
	}
	values, err := yaml.Parser().Unmarshal(text)
	if err != nil {
		l.notYAML(err)
		return
	}
	if further.Match(text) {
		l.fault("%s: more than one YAML document: put all settings into one", l.file)
	}
	_ = l.k.Load(confmap.Provider(values, delim), nil)
}

// further matches the beginning of a document that is not the first: a marker that
// comes after a line with content.
var further = regexp.MustCompile(`(?m)^[^\s#%-][^\n]*\n(?s:.*\n)?---(\s|\z)`)

// twice matches what the parser says of a key that is there twice.
var twice = regexp.MustCompile(`line (\d+): mapping key "(.*)" already defined at line (\d+)`)

// notYAML reports that the parser refused the file. The parser's error quotes the
// file, so only line numbers and names of settings are told.
func (l *loader) notYAML(err error) {
	duplicates := twice.FindAllStringSubmatch(err.Error(), -1)
	for _, m := range duplicates {
		key := "a key"
		if slices.ContainsFunc(Keys(), func(k string) bool { return slices.Contains(strings.Split(k, delim), m[2]) }) {
			key = m[2]
		}
		l.fault("%s: line %s: %s is there already, in line %s: keep one of the two", l.file, m[1], key, m[3])
	}
	if len(duplicates) > 0 {
		return
	}
	where := strings.Join(line.FindAllString(err.Error(), -1), ", ")
	if where != "" {
		where = ", see " + where
	}
	l.fault("%s: not a YAML document with settings%s", l.file, where)
}

// check returns the faults that milvus.Open would find. Its text has a line for each.
func check(cfg milvus.Config, client penstock.Config) error {
	b, err := cfg.Backend() // dials nothing
	_, clientErr := penstock.New(b, client)
	return errors.Join(err, clientErr)
}
