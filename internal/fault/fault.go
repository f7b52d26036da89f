// SPDX-License-Identifier: Apache-2.0

// Package fault collects what is wrong with a configuration.
package fault

import (
	"fmt"
	"strings"
	"time"
)

// List collects everything that is wrong with a configuration, so that one
// error names it all.
type List []error

// Add adds a fault. If an argument is an error of [List.Err], each of its
// faults is added on its own, in place of that argument.
func (f *List) Add(format string, args ...any) {
	for i, arg := range args {
		if inner, ok := arg.(*badConfig); ok {
			for _, fault := range inner.faults {
				args[i] = fault
				*f = append(*f, fmt.Errorf(format, args...))
			}
			return
		}
	}
	*f = append(*f, fmt.Errorf(format, args...))
}

// Err returns one error for all faults of the package's configuration, nil if
// there is none. Its text has a line for each fault.
func (f List) Err(pkg string) error {
	if len(f) == 0 {
		return nil
	}
	return &badConfig{pkg, f}
}

// badConfig is the error of a configuration.
type badConfig struct {
	pkg    string
	faults List
}

// Error names all faults. A fault of another package's configuration has the
// name of that package before it.
func (e *badConfig) Error() string {
	return e.pkg + ": bad configuration: " + strings.Join(e.lines(), "\n")
}

func (e *badConfig) lines() (lines []string) {
	for _, fault := range e.faults {
		inner, ok := fault.(*badConfig)
		if !ok {
			lines = append(lines, fault.Error())
			continue
		}
		for _, line := range inner.lines() {
			lines = append(lines, inner.pkg+": "+line)
		}
	}
	return lines
}

// Unwrap returns the faults.
func (e *badConfig) Unwrap() []error { return e.faults }

// Default replaces the zero value of a field by def, and refuses a negative one.
func Default[T int | time.Duration](f *List, name string, field *T, def T) {
	if *field < 0 {
		f.Add("%s is negative: %v", name, *field)
	}
	if *field == 0 {
		*field = def
	}
}
