// SPDX-License-Identifier: Apache-2.0

package config

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/pool"
)

// checker is a section that knows what is wrong with a client of its backend.
type checker interface {
	Check(pool.Config, penstock.Config) error
}

// check reports what is wrong with a client as a whole.
func (l *loader) check(c *Client) {
	c.backend = l.backendOf(c)
	p, cfg := c.Settings()
	order := cfg.Chain.Order
	cfg.Chain.Order = standard(order)
	err := c.problem(p, cfg)
	if meant := spelled(order); err != nil && !slices.Equal(meant, order) {
		for i, name := range order {
			if meant[i] != name {
				l.add(c, fmt.Sprintf("middleware: the order names stage %q, and there is no such stage: did you mean %q?", name, meant[i]))
			}
		}
		cfg.Chain.Order = standard(meant) // the other faults are about what was meant
		err = c.problem(p, cfg)
	}
	if err == nil {
		return
	}
	for text := range strings.SplitSeq(err.Error(), "\n") {
		l.add(c, oneLine(text))
	}
}

// problem returns what is wrong with a client of its backend.
func (c *Client) problem(p pool.Config, cfg penstock.Config) error {
	if c.backend != "" {
		to := reflect.New(reflect.TypeOf(c.sections[c.backend]))
		c.fill(ofSection, c.backend, to.Elem())
		if section, ok := to.Interface().(checker); ok {
			return apart("Check of the section "+c.backend, func() error { return section.Check(p, cfg) })
		}
	}
	return generic(p, cfg)
}

// standard returns the stages of Penstock in an order. The code of the program may have
// the others.
func standard(order []string) []string {
	return slices.DeleteFunc(slices.Clone(order), func(name string) bool { return !slices.Contains(middleware.DefaultOrder(), name) })
}

// spelled returns an order with the name of a stage of Penstock in the place of each other
// name that looks like it, if the order does not have that stage.
func spelled(order []string) []string {
	meant := slices.Clone(order)
	for i, name := range order {
		if slices.Contains(middleware.DefaultOrder(), name) || len(name) > longestName {
			continue
		}
		for _, stage := range middleware.DefaultOrder() {
			if 2*distance(name, stage) < len(name) && !slices.Contains(meant, stage) {
				meant[i] = stage
				break
			}
		}
	}
	return meant
}

// backendOf returns the section of a client's backend: its own, or else the one at the
// top of the file. It reports a client with two.
func (l *loader) backendOf(c *Client) string {
	found := l.sectionsOf(c.name)
	if len(found) > 1 && c.name != shared {
		l.at(l.lines["clients."+c.name], "clients.%s has the sections %s, and a client has one backend: leave one out", c.name, strings.Join(found, " and "))
	}
	if len(found) == 0 {
		found = l.sectionsOf(shared)
	}
	if len(found) == 0 && len(c.sections) == 1 {
		found = sorted(c.sections)
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

// sectionsOf returns the sections of backends that stand in the file or in variables.
func (l *loader) sectionsOf(client string) []string {
	found := slices.Clone(l.owns[client])
	for key := range l.env[client] {
		if l.known[key].root == ofSection {
			found = append(found, strings.SplitN(key, ".", 2)[0])
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// generic returns what is wrong with a client of any backend. How its connections are
// lent is known to its code alone, and a pool is right if it is so for one of the two. A
// backend without a Ping needs no place for the health stage.
func generic(p pool.Config, cfg penstock.Config) error {
	var errs []error
	for _, p.Mode = range []pool.Mode{pool.Exclusive, pool.Shared} {
		b := penstock.Backend[nothing]{Factory: nowhere{}, Pool: p}
		if cfg.Chain.Health != nil {
			b.Factory = pinged{}
		}
		_, err := penstock.New(b, cfg)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	if p.MaxSharing > 0 || p.TargetSharing > 0 {
		return errs[1]
	}
	return errs[0]
}

// nothing is a connection of the backend that stands for any.
type nothing struct{}

type nowhere struct{}

func (nowhere) Dial(context.Context) (nothing, error) { return nothing{}, nil }
func (nowhere) Close(context.Context, nothing) error  { return nil }

type pinged struct{ nowhere }

func (pinged) Ping(context.Context, nothing) error { return nil }

// add adds a fault of a client as a whole. In the text of a constructor the fields have
// their names in Go; in the fault they have the names of the file, and the line of the first.
// A fault about a setting whose own value is bad is left out: it follows from that.
func (l *loader) add(c *Client, text string) {
	if !found.MatchString(text) {
		l.faults.add("%s", text)
		return
	}
	translated, keys := c.translate(text)
	for _, key := range keys {
		if v, ok := c.values[slot(l.known, key)]; ok && !v.v.IsValid() {
			return
		}
	}
	if len(keys) == 0 {
		l.faults.add("%s%s", l.prefix(c), ofClient.ReplaceAllString(text, ""))
		return
	}
	where, of := l.whereOf(c, keys), ""
	if slices.ContainsFunc(keys, func(key string) bool { return l.has(c.name, key) }) {
		of = l.prefix(c) // else every client has the fault
	}
	switch {
	case where.line > 0:
		l.at(where.line, "%s%s", of, translated)
	case where.name != "":
		l.faults.add("%s: %s%s", where.name, of, translated)
	default:
		l.faults.add("%s%s", of, translated)
	}
}

// prefix names a client in a fault.
func (l *loader) prefix(c *Client) string {
	if c.name == shared {
		return ""
	}
	return "clients." + c.name + ": "
}

// has reports whether a client has a value, or a section, of its own for the key.
func (l *loader) has(client, key string) bool {
	to, section := slot(l.known, key), key[:max(strings.LastIndex(key, "."), 0)]
	_, inFile := l.file[client][to]
	_, inEnv := l.env[client][to]
	return inFile || inEnv || section != "" && l.lines[l.full(client, section)] > 0
}

// whereOf returns the place of the first key that has a value, or else of the section of
// the first key.
func (l *loader) whereOf(c *Client, keys []string) place {
	for _, key := range keys {
		if v, ok := c.values[slot(l.known, key)]; ok {
			return v.where
		}
	}
	section, _, _ := strings.Cut(keys[0], ".")
	for _, client := range []string{c.name, shared} {
		if line := l.lines[l.full(client, section)]; line > 0 {
			return place{l.name, line, l.full(client, section)}
		}
	}
	return place{}
}
