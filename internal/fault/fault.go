// SPDX-License-Identifier: Apache-2.0

// Package fault collects what is wrong with a configuration, and words the faults
// that every configuration may have.
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
// there is none. Its text has a line for each fault. Each line names the package,
// because the error may be joined with errors of other packages.
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
	lines := e.lines()
	for i, line := range lines {
		lines[i] = e.pkg + ": bad configuration: " + line
	}
	return strings.Join(lines, "\n")
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
	zero := ""
	if def > 0 {
		zero = fmt.Sprintf("the default, %v", def)
	}
	Negative(f, name, *field, zero)
	if *field == 0 {
		*field = def
	}
}

// Negative refuses a negative value. zero says what a zero means, "no limit" for
// example. An empty zero says nothing.
func Negative[T int | time.Duration](f *List, name string, value T, zero string) {
	if value >= 0 {
		return
	}
	if zero != "" {
		zero = " (" + zero + ")"
	}
	f.Add("%s is %v, want 0%s or more", name, value, zero)
}
