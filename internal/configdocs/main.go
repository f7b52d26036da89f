// SPDX-License-Identifier: Apache-2.0

// Configdocs writes what docs/configuration.md lists, and the JSON schema for editors, from
// the settings that package fxmodule/config reads.
//
//	go run ./internal/configdocs           # write the files (make config)
//	go run ./internal/configdocs -check    # fail if a file differs (make check)
//
// Run it at the root of the module.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	check := flag.Bool("check", false, "compare the files, write none")
	flag.Parse()
	if err := run("docs", *check); err != nil {
		fmt.Fprintln(os.Stderr, "configdocs:", err)
		os.Exit(1)
	}
}

// run writes the files of a folder, or compares them.
func run(dir string, check bool) error {
	page := filepath.Join(dir, "configuration.md")
	before, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	after, err := tables(string(before))
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	schema, err := schema()
	if err != nil {
		return err
	}
	for name, text := range map[string]string{page: after, filepath.Join(dir, "configuration.schema.json"): schema} {
		old, err := os.ReadFile(name)
		switch {
		case err == nil && string(old) == text:
		case check:
			return fmt.Errorf("%s is not what the settings make it: run make config", name)
		default:
			if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
				return err
			}
		}
	}
	return nil
}
