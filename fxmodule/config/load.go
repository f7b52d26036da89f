// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/pool"
)

// Options say what a program reads from its file besides the settings of Penstock.
type Options struct {
	// Sections has a struct for each section that a backend reads, by the name of the
	// section: {"milvus": milvus.Settings{}}. The fields of a struct are settings by the
	// rules that the package comment has. If the struct has a method
	//
	//	Check(pool.Config, penstock.Config) error
	//
	// then Load calls it for each client of the backend, and reports its error, a fault a
	// line.
	Sections map[string]any
	// Clients are the names of the program's clients. A client of the file that has
	// another name is an error then, and a client that the file does not have has the
	// settings at the top of the file, as a client without a name has. Nil is the clients
	// of the file.
	Clients []string
}

// File is what a file and the environment say of the clients of a program. It does not
// change.
type File struct {
	name    string
	options Options
	seen    fs.FileInfo // when it was read
	order   []string
	clients map[string]Client
}

// Load reads a YAML file and the environment; a variable of the environment replaces the
// value in the file. An empty name means no file. A file without a word is an error, a file
// with comments alone sets nothing. An empty variable counts as not set.
//
// One error names everything that is wrong: unknown settings, clients and variables,
// values of the wrong kind, negative values and zeros, and values that contradict each
// other or a default. Each fault is a line of its text, with the line of the file and the
// setting, or the variable. No error shows the value of a secret, or text of the file that
// could be one.
func Load(name string, o Options) (*File, error) {
	settings, err := Settings(o)
	if err != nil {
		return nil, err
	}
	l := newLoader(name, settings)
	for _, client := range o.Clients {
		if client != shared && !clientName.MatchString(client) {
			return nil, fmt.Errorf("config: %q cannot be the name of a client: it has letters, digits, - and _, and begins with a letter", client)
		}
	}
	if name != "" {
		l.readFile()
	}
	f := &File{name: name, options: o, seen: l.seen, clients: map[string]Client{}, order: l.names(o.Clients)}
	l.readEnvironment(slices.DeleteFunc(slices.Clone(f.order), func(c string) bool { return c == shared }))
	for _, client := range f.order {
		c := Client{name: client, file: name, values: l.merged(client), sections: o.Sections, settings: settings, known: l.known}
		l.check(&c)
		f.clients[client] = c
	}
	if err := l.faults.err(); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return f, nil
}

// names returns the names of the clients, and reports clients of the file that the
// program does not have.
func (l *loader) names(wanted []string) []string {
	if len(wanted) == 0 {
		if len(l.clients) == 0 {
			return []string{shared}
		}
		return l.clients
	}
	for _, client := range l.clients {
		if !slices.Contains(wanted, client) {
			remedy := "its clients are " + enumerate(wanted, "and")
			if near := nearest(client, wanted); len(near) > 0 {
				remedy = fmt.Sprintf("did you mean clients.%s?", near[0])
			} else if len(wanted) == 1 && wanted[0] == shared {
				remedy = "its only client has no name: move the settings to the top of the file"
			}
			l.at(l.lines["clients."+client], "clients.%s: the program has no such client: %s", client, remedy)
		}
	}
	return slices.Clone(wanted)
}

// merged returns the values of a client: a variable before the file, and the client's own
// before what all clients share.
func (l *loader) merged(client string) map[string]value {
	all := map[string]value{}
	for _, source := range []map[string]map[string]value{l.file, l.env} {
		for _, of := range []string{shared, client} {
			for key, v := range source[of] {
				all[key] = v
			}
		}
	}
	return all
}

// Name returns the name of the file, "" if there is none.
func (f *File) Name() string { return f.name }

// Clients returns the names of the clients in the order of Options.Clients, or else in the
// order of the file. A file without clients is one client without a name.
func (f *File) Clients() []string { return slices.Clone(f.order) }

// Client returns what the file says of a client. The error lists the clients that there
// are.
func (f *File) Client(name string) (Client, error) {
	c, ok := f.clients[name]
	if !ok {
		return Client{}, fmt.Errorf("config: %s: there is no client %q: name one of %q, or add clients.%s", f.name, name, f.order, name)
	}
	return c, nil
}

// Client is what a file says of a client.
type Client struct {
	name, file string
	values     map[string]value // by slot; none of them is bad
	sections   map[string]any
	settings   []Setting
	known      map[string]Setting
	backend    string // section of its backend, "" if that is not known
}

// Name returns the name of the client, "" for the only client of a file.
func (c Client) Name() string { return c.name }

// Settings returns the settings of the client. What the file does not set is zero, which
// means the default.
func (c Client) Settings() (pool.Config, penstock.Config) {
	var (
		p   pool.Config
		cfg penstock.Config
	)
	c.Apply(&p, &cfg)
	return p, cfg
}

// Apply sets what the file sets in two configurations, which keep everything else. What
// the configurations point at is not changed: they get copies.
func (c Client) Apply(p *pool.Config, cfg *penstock.Config) {
	cfg.Chain, _ = cfg.Chain.Without() // a copy; no name, so no error
	c.fill(ofPool, "", reflect.ValueOf(p).Elem())
	c.fill(ofConfig, "", reflect.ValueOf(cfg).Elem())
}

// fill sets the fields of a root that the client has values for.
func (c Client) fill(of root, section string, to reflect.Value) {
	for _, s := range c.settings {
		v := c.values[slot(c.known, s.Key)]
		if v.key == s.Key && v.v.IsValid() && s.root == of && (section == "" || strings.HasPrefix(s.Key, section+".")) {
			s.at(to).Set(copied(v.v))
		}
	}
}

// Section returns what the file says of a backend, in the struct that Options.Sections
// has under the name. T is the type of that struct.
func Section[T any](c Client, name string) (T, error) {
	var to T
	if _, ok := c.sections[name].(T); !ok {
		return to, fmt.Errorf("config: section %q is a %T in Options.Sections, not a %T: give the same struct in both places", name, c.sections[name], to)
	}
	c.fill(ofSection, name, reflect.ValueOf(&to).Elem())
	return to, nil
}
