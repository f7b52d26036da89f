// SPDX-License-Identifier: Apache-2.0

package config

import (
	"io/fs"
	"testing"
)

// Unchecked returns the client that the environment makes, whatever is wrong with it as a
// whole.
func Unchecked(t *testing.T, o Options) Client {
	t.Helper()
	settings, err := Settings(o)
	if err != nil {
		t.Fatal(err)
	}
	l := newLoader("", settings)
	l.readEnvironment(nil)
	if err := l.faults.err(); err != nil {
		t.Fatal(err)
	}
	return Client{values: l.merged(shared), sections: o.Sections, settings: settings, known: l.known}
}

// ReplaceStat calls fn with what the file system says of each file that is open, and goes
// on with what fn returns.
func ReplaceStat(t *testing.T, fn func(fs.FileInfo) fs.FileInfo) {
	before := open
	t.Cleanup(func() { open = before })
	open = func(name string) (file, error) {
		f, err := before(name)
		if err != nil {
			return nil, err
		}
		return stated{f, fn}, nil
	}
}

type stated struct {
	file
	fn func(fs.FileInfo) fs.FileInfo
}

func (s stated) Stat() (fs.FileInfo, error) {
	info, err := s.file.Stat()
	if err == nil {
		info = s.fn(info)
	}
	return info, err
}

// CountDistances counts how often the names of settings are compared with another text.
func CountDistances(t testing.TB) *int {
	n, compare := 0, distance
	distance = func(a, b string) int { n++; return compare(a, b) }
	t.Cleanup(func() { distance = compare })
	return &n
}

// ManyFaults is how many faults are looked at closely.
const ManyFaults = manyFaults
