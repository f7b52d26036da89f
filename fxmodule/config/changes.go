// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"reflect"
	"slices"
)

// Change is a setting that two files have with different values.
type Change struct {
	Client string // name of the client, "" for the only client of a file
	Key    string
	// From and To are the values, "" where the setting has its default. A secret is
	// "[redacted]".
	From, To string
	// Section says that the setting belongs to the section of a backend, which is read
	// when the client is made.
	Section bool
	// Rotated says that a secret is another one in the file that holds it, and that the
	// settings still name that file: nobody changed the settings.
	Rotated bool
}

// String returns a line about the change, without secrets.
func (c Change) String() string {
	key := c.Key
	if c.Client != shared {
		key = "clients." + c.Client + "." + key
	}
	if c.Rotated {
		return key + ": the file holds another secret"
	}
	text := func(value string) string {
		if value == "" {
			return "the default"
		}
		return value
	}
	return fmt.Sprintf("%s: %s, was %s", key, text(c.To), text(c.From))
}

// Changes returns what f changes of the clients of old. Clients that only one of the two
// files has are left out. Of a setting that names a file with a secret, the secret is
// compared. A backend that has a field for the name of the file, such as
// milvus.Settings.PasswordFile, reads the file itself: then the names are compared.
func (f *File) Changes(old *File) []Change {
	var changes []Change
	for _, name := range f.order {
		before, ok := old.clients[name]
		if !ok {
			continue
		}
		after := f.clients[name]
		for _, s := range after.settings {
			old, now := before.valueOf(s), after.valueOf(s)
			from, to := old.v, now.v
			if from.IsValid() == to.IsValid() && (!from.IsValid() || reflect.DeepEqual(from.Interface(), to.Interface())) {
				continue
			}
			changes = append(changes, Change{
				Client: name, Key: s.Key, From: s.text(from), To: s.text(to), Section: s.root == ofSection,
				Rotated: now.file != "" && now.file == old.file,
			})
		}
	}
	return changes
}

// valueOf returns the value that a setting has in a client, zero if it has none.
func (c Client) valueOf(s Setting) value {
	if v := c.values[slot(c.known, s.Key)]; v.key == s.Key {
		return v
	}
	return value{}
}

// text returns a value for people.
func (s Setting) text(v reflect.Value) string {
	switch {
	case !v.IsValid():
		return ""
	case s.Secret:
		return "[redacted]"
	}
	for _, word := range sorted(words[s.Key]) {
		if reflect.ValueOf(words[s.Key][word]).Convert(s.Type).Equal(v) {
			return word
		}
	}
	return fmt.Sprint(v.Interface())
}

// sameClients returns an error if the files have different clients.
func (f *File) sameClients(old *File) error {
	for _, name := range old.order {
		if !slices.Contains(f.order, name) {
			return fmt.Errorf("config: %s: client %q is gone, and it runs: put it back, or restart the program", f.name, name)
		}
	}
	for _, name := range f.order {
		if !slices.Contains(old.order, name) {
			return fmt.Errorf("config: %s: client %q is new: restart the program", f.name, name)
		}
	}
	return nil
}
