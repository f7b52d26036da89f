// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Explain returns an error of penstock.New or of Client.Reconfigure in the words of the file:
// a fault about a setting that the file sets begins with the file and the line, or with the
// variable, and names settings as the file does. That is of use where code and file
// contradict each other, for Load finds what contradicts itself in a file. Other faults keep
// their text. The error that Explain returns wraps err; nil is nil.
func (c Client) Explain(err error) error {
	if err == nil {
		return nil
	}
	lines := strings.Split(err.Error(), "\n")
	changed := false
	for i, line := range lines {
		translated, keys := c.translate(line)
		for _, key := range keys {
			if v, ok := c.values[slot(c.known, key)]; ok {
				lines[i], changed = ofClient.FindString(line)+v.where.short()+": "+translated, true
				break
			}
		}
	}
	if !changed {
		return err
	}
	return &explained{strings.Join(lines, "\n"), err}
}

// explained is an error with another text.
type explained struct {
	text string
	err  error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.err }

var (
	// ofClient matches what New and Reconfigure put before the fault of a constructor.
	ofClient = regexp.MustCompile(`^penstock: client ".*?": (?:the settings stay as they are: )?`)
	// found matches the beginning of a fault that a constructor found.
	found = regexp.MustCompile(fmt.Sprintf(`^(?:%s)?(\w+): (?:bad configuration: )?`, strings.TrimPrefix(ofClient.String(), "^")))
	inner = regexp.MustCompile(`^(\w+): `)
	// goName matches the name of a field in Go.
	goName = regexp.MustCompile(`\b[A-Z]\w*(?:\.[A-Z]\w*)*\b|\btls\.\w+|\bthe order\b`)
)

// translate returns a fault that a constructor found, with the names that the file has for
// the fields, and the settings that it is about. A fault about no setting has none.
func (c *Client) translate(text string) (translated string, keys []string) {
	m := found.FindStringSubmatch(text)
	if m == nil {
		return text, nil
	}
	rest := text[len(m[0]):]
	names := c.namesIn(m[1])
	if in := inner.FindStringSubmatch(rest); in != nil {
		if stage := c.namesIn(in[1]); len(stage) > 0 {
			names, rest = stage, rest[len(in[0]):]
		}
	}
	translated = goName.ReplaceAllStringFunc(rest, func(name string) string {
		key, ok := names[name]
		if !ok {
			return name
		}
		keys = append(keys, key)
		if strings.Contains(name, " ") {
			return name
		}
		return key
	})
	for in := inner.FindStringSubmatch(translated); in != nil && c.known[in[1]].Key == ""; in = inner.FindStringSubmatch(translated) {
		translated = translated[len(in[0]):]
	}
	return translated, keys
}

// namesIn returns the settings that a fault of a package can be about, by their names in Go.
func (c *Client) namesIn(pkg string) map[string]string {
	names := map[string]string{}
	for _, s := range c.settings {
		section, _, _ := strings.Cut(s.Key, ".")
		path := strings.TrimPrefix(s.path, "Chain.")
		last := path[strings.LastIndex(path, ".")+1:]
		of := s.root == ofSection && section == c.backend && pkg == c.backend ||
			s.root == ofPool && pkg == "pool" ||
			s.root == ofConfig && slices.Contains([]string{"middleware", "core", "penstock"}, pkg)
		if of {
			names[path] = s.Key
		}
		if of && s.root == ofSection && names[last] == "" || s.root == ofConfig && strings.HasPrefix(section, pkg) {
			names[last] = s.Key
		}
		if of && s.root == ofSection {
			names[strings.TrimPrefix(s.Key, section+".")] = s.Key // such as tls.ca_file
		}
		if s.root == ofPool && pkg == "penstock" {
			names["Pool."+path] = s.Key
		}
	}
	if order := "order"; pkg == "middleware" {
		names["the order"] = order
	}
	return names
}
