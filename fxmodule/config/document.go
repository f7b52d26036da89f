// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// shared is the name under which settings at the top of a file are kept. They hold for
// every client. It is also the name of the only client of a file without clients.
const shared = ""

// clientName is what the name of a client may be, so that a variable can have it.
var clientName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// loader reads the sources, and collects their values and faults.
type loader struct {
	name     string // of the file
	settings []Setting
	known    map[string]Setting
	sections []string // keys that hold settings, such as "pool" and "milvus.tls"
	backends []string // sections of backends, such as "milvus"

	clients []string                    // of the file
	file    map[string]map[string]value // by client and slot
	env     map[string]map[string]value
	lines   map[string]int      // of each key of the file, with the client
	owns    map[string][]string // sections of backends that the client has in the file
	seen    fs.FileInfo         // of the file when it was read
	faults  faults
}

func newLoader(name string, settings []Setting) *loader {
	l := &loader{
		name: name, settings: settings, known: map[string]Setting{},
		file: map[string]map[string]value{shared: {}}, env: map[string]map[string]value{shared: {}},
		lines: map[string]int{}, owns: map[string][]string{},
	}
	for _, s := range settings {
		l.known[s.Key] = s
		if section, _, _ := strings.Cut(s.Key, "."); s.root == ofSection && !slices.Contains(l.backends, section) {
			l.backends = append(l.backends, section)
		}
		for at, r := range s.Key {
			if section := s.Key[:at]; r == '.' && !slices.Contains(l.sections, section) {
				l.sections = append(l.sections, section)
			}
		}
	}
	return l
}

// at reports a fault in a line of the file.
func (l *loader) at(line int, format string, args ...any) {
	l.faults.addAt(line, "%s:%d: "+format, append([]any{l.name, line}, args...)...)
}

// readFile reads the file.
func (l *loader) readFile() {
	text, info, err := read(l.name, mostBytes)
	l.seen = info
	if err != nil {
		l.faults.add("%s: %w", l.name, err)
		return
	}
	// A file that was cut off must not set everything back to its default.
	if len(bytes.TrimSpace(text)) == 0 {
		l.faults.add("%s: it is empty: write a setting, or a comment if all settings have their defaults", l.name)
		return
	}
	root, bad := parse(text)
	if bad != nil {
		l.at(bad.line, "%w", bad.err)
		return
	}
	if root != nil {
		l.section(root, shared, "")
	}
}

// section takes the settings of a mapping. client is whose settings they are, path the key
// of the mapping.
func (l *loader) section(node *yaml.Node, client, path string) {
	for key, n := range l.pairs(node, l.full(client, path)) {
		full := join(path, key)
		l.lines[l.full(client, full)] = n.Line
		switch _, known := l.known[full]; {
		case n.Kind == yaml.AliasNode:
			l.at(n.Line, "%s is an alias (*): write the value itself; what clients share stands once, at the top of the file", l.full(client, shown(full)))
		case known:
			l.take(n, client, full)
		case full == "clients" && client == shared:
			l.readClients(n)
		case full == "clients":
			l.at(n.Line, "clients.%s.clients: a client has no clients: move them up, beside %s", client, client)
		case !slices.Contains(l.sections, full):
			l.unknown(n, client, full)
		case empty(n) || n.Kind == yaml.MappingNode:
			l.own(client, full)
			if n.Kind == yaml.MappingNode {
				l.section(n, client, full)
			}
		default:
			l.at(n.Line, "%s is a section: write its settings below it, such as %s", l.full(client, full), l.example(full))
		}
	}
}

// pairs yields the keys and the values of a mapping, and reports keys that are there twice.
// A node of the value has the line of its key.
func (l *loader) pairs(node *yaml.Node, where string) func(func(string, *yaml.Node) bool) {
	return func(yield func(string, *yaml.Node) bool) {
		lines := map[string]int{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, n := node.Content[i], *node.Content[i+1]
			n.Line = key.Line
			name := join(where, shown(key.Value))
			switch before, twice := lines[key.Value]; {
			case key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge":
				l.at(key.Line, "a key is no text: write name: value; what clients share stands once, at the top of the file")
			case before < 0: // reported
				continue
			case twice:
				lines[key.Value] = -1
				l.at(key.Line, "%s is there already, in line %d: keep one of the two", name, before)
				continue
			case !yield(key.Value, &n):
				return
			}
			lines[key.Value] = key.Line
		}
	}
}

// own notes that a client has the section of a backend.
func (l *loader) own(client, path string) {
	if section, _, _ := strings.Cut(path, "."); slices.Contains(l.backends, section) {
		l.owns[client] = append(l.owns[client], section)
	}
}

// full returns a key with the client that it belongs to.
func (l *loader) full(client, key string) string {
	if client == shared {
		return key
	}
	return join("clients."+client, key)
}

// example returns a setting of a section.
func (l *loader) example(section string) string {
	at := slices.IndexFunc(l.settings, func(s Setting) bool { return strings.HasPrefix(s.Key, section+".") })
	return l.settings[at].Key[len(section)+1:]
}

// readClients reads the clients of the file.
func (l *loader) readClients(node *yaml.Node) {
	if empty(node) {
		return
	}
	if node.Kind != yaml.MappingNode {
		l.at(node.Line, "clients is a section: write the name of each client below it, and its settings below the name")
		return
	}
	variables := map[string]string{}
	for name, n := range l.pairs(node, "clients") {
		other, taken := variables[variable(name)]
		switch {
		case !clientName.MatchString(name):
			l.at(n.Line, "clients.%s: a client's name has letters, digits, - and _, and begins with a letter", shown(name))
			continue
		case taken:
			l.at(n.Line, "clients.%s and clients.%s have the same variables: rename one", other, name)
			continue
		}
		variables[variable(name)] = name
		l.clients = append(l.clients, name)
		l.file[name] = map[string]value{}
		l.lines["clients."+name] = n.Line
		switch {
		case n.Kind == yaml.AliasNode:
			l.at(n.Line, "clients.%s is an alias (*): write the settings themselves; what clients share stands once, at the top of the file", name)
		case n.Kind == yaml.MappingNode:
			l.section(n, name, "")
		case !empty(n):
			l.at(n.Line, "clients.%s is a section: write its settings below it, such as max_async", name)
		}
	}
}

// take takes the value of a setting from the file.
func (l *loader) take(n *yaml.Node, client, key string) {
	if empty(n) {
		return // the default
	}
	l.own(client, key)
	l.set(l.file[client], key, n, place{l.name, n.Line, l.full(client, key)})
}

// set decodes the value of a setting, and reports a bad one.
func (l *loader) set(values map[string]value, key string, n *yaml.Node, where place) {
	s, to := l.known[key], slot(l.known, key)
	if old, twice := values[to]; twice {
		l.faults.addAt(where.line, "%v and %s are both set: leave one out", where, old.where.name)
		return
	}
	v, wants, err := s.decode(n)
	switch {
	case err != nil:
		l.faults.addAt(where.line, "%v: %w", where, err)
	case wants != "":
		l.faults.addAt(where.line, "%v is %s, want %s", where, s.show(n), wants)
	default:
		set := value{key: key, where: where, v: v}
		if s.FromFile {
			set.file = n.Value
		}
		values[to] = set
		return
	}
	values[to] = value{key: key, where: where}
}

// unknown reports a key of the file that is not known.
func (l *loader) unknown(n *yaml.Node, client, path string) {
	if l.faults.many() {
		l.at(n.Line, "unknown setting %s: docs/configuration.md lists all settings", l.full(client, shown(path)))
		return
	}
	kind := "setting"
	names := append(sorted(l.known), "clients")
	if n.Kind == yaml.MappingNode && len(n.Content) > 0 {
		if len(n.Content) == 2 && n.Content[0].Kind == yaml.ScalarNode {
			key := n.Content[0]
			path, n = join(path, key.Value), &yaml.Node{Kind: yaml.ScalarNode, Line: key.Line}
		} else {
			kind, names = "section", append(slices.Clone(l.sections), "clients")
		}
	}
	remedy := meant("", path, names)
	if kind == "section" && len(nearest(path, names)) == 0 && len(l.backends) > 0 {
		remedy = "the sections of backends that the program reads are " + enumerate(l.backends, "and")
	}
	l.at(n.Line, "unknown %s %s: %s", kind, l.full(client, shown(path)), remedy)
}
