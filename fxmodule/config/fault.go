// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// fault is one thing that is wrong.
type fault struct {
	line int // in the file; 0 if the fault is not in the file
	err  error
}

// faults collects everything that is wrong, each thing once.
type faults []fault

// mostFaults is how many faults an error names. A file of another kind has a fault in
// each line.
const mostFaults = 20

// manyFaults is how many faults are looked at closely: each is compared with all others, and
// a name that may be misspelled with all names. The text has the first ones alone.
const manyFaults = 500

func (f *faults) many() bool { return len(*f) >= manyFaults }

func (f *faults) add(format string, args ...any) { f.addAt(0, format, args...) }

func (f *faults) addAt(line int, format string, args ...any) {
	err := fmt.Errorf(format, args...)
	if f.many() || !slices.ContainsFunc(*f, func(old fault) bool { return old.err.Error() == err.Error() }) {
		*f = append(*f, fault{line, err})
	}
}

// err returns one error for all faults, in the order of the lines. Its text has a line for
// each of them.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	ordered := slices.Clone(f)
	slices.SortStableFunc(ordered, func(a, b fault) int { return order(a) - order(b) })
	var errs []error
	for i, fault := range ordered {
		if i == mostFaults {
			errs = append(errs, fmt.Errorf("and %d faults more: correct these first", len(ordered)-i))
			break
		}
		errs = append(errs, fault.err)
	}
	return errors.Join(errs...)
}

// order puts faults outside of the file last.
func order(f fault) int {
	if f.line == 0 {
		return 1 << 30
	}
	return f.line
}

// place says where a value was found: in a line of the file, or in a variable.
type place struct {
	file string
	line int
	name string // the key with the client, or the name of the variable
}

func (p place) String() string {
	if p.line == 0 {
		return p.name
	}
	return p.short() + ": " + p.name
}

// short is String without the key.
func (p place) short() string {
	if p.line == 0 {
		return p.name
	}
	return fmt.Sprintf("%s:%d", p.file, p.line)
}

// oneLine keeps an error of other code from breaking the list of faults.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
