// SPDX-License-Identifier: Apache-2.0

// Api writes the exported API of each public package of this module to
// docs/api, a file for each package. A change of the API is then a change of a
// file, which a review sees.
//
//	go run ./internal/api           # write the files (make api)
//	go run ./internal/api -check    # fail if a file differs (make check)
//
// Run it at the root of the module. Packages below internal and examples are
// not public, nor are programs.
package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	check := flag.Bool("check", false, "compare the files, write none")
	dir := flag.String("dir", filepath.Join("docs", "api"), "folder of the files")
	command := flag.String("go", "go", "the go command")
	flag.Parse()
	pages, err := load(*command)
	if err == nil && *check {
		err = compare(*dir, pages)
	} else if err == nil {
		err = write(*dir, pages)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(1)
	}
}

// write makes the folder hold these pages and no other.
func write(dir string, pages map[string]string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(pages[name]), 0o666); err != nil {
			return err
		}
	}
	stale, err := strangers(dir, pages)
	if err != nil {
		return err
	}
	for _, file := range stale {
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	return nil
}

// compare returns an error that names each file that write would change, with
// the first line that differs.
func compare(dir string, pages map[string]string) error {
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		file := filepath.Join(dir, name)
		text, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			faults = append(faults, file+" is missing")
		} else if err != nil {
			return err
		} else if line, got, want := firstDifference(string(text), pages[name]); line > 0 {
			faults = append(faults, fmt.Sprintf("%s:%d\n\tthe file: %s\n\tthe code: %s", file, line, got, want))
		}
	}
	stale, err := strangers(dir, pages)
	if err != nil {
		return err
	}
	for _, file := range stale {
		faults = append(faults, file+" is of no public package")
	}
	if len(faults) == 0 {
		return nil
	}
	text := "the exported API is not what " + dir + " says. If the change is intended, run make api and commit the files:"
	for _, fault := range faults {
		text += "\n" + fault
	}
	return fmt.Errorf("%s", text)
}

// strangers returns the files in dir that are none of the pages.
func strangers(dir string, pages map[string]string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	return slices.DeleteFunc(files, func(file string) bool {
		_, ok := pages[filepath.Base(file)]
		return ok
	}), err
}
