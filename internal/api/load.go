// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/importer"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
)

// listed is what the go command says of a package.
type listed struct {
	ImportPath string
	Name       string
	Export     string // file of the compiler's export data
	DepOnly    bool   // whether it was not asked for
	Module     *struct{ Path string }
	root       string // path of the module at the root
}

// nested are the folders of the other modules that have public packages.
var nested = []string{"pool/milvusv2"}

// load returns the pages of the module in the working directory and of those nested in
// it, by file name.
// command is the go command. It has to have the version that built this program:
// another version writes export data that the importer may not read.
func load(command string) (map[string]string, error) {
	pages := map[string]string{}
	for i, dir := range append([]string{"."}, nested...) {
		before := len(pages)
		if err := loadModule(pages, command, dir, strings.Count(dir, "/")+min(i, 1)); err != nil {
			return nil, err
		}
		if len(pages) == before {
			return nil, fmt.Errorf("no public package is in %s", dir)
		}
	}
	return pages, nil
}

// loadModule adds the pages of the module in dir, which is depth folders below the root.
func loadModule(pages map[string]string, command, dir string, depth int) error {
	packages, err := list(command, dir)
	if err != nil {
		return err
	}
	exports := map[string]string{}
	for _, p := range packages {
		exports[p.ImportPath] = p.Export
	}
	imp := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})
	for _, p := range packages {
		if p.DepOnly || !public(p) {
			continue
		}
		p.root = p.Module.Path
		for range depth {
			p.root = path.Dir(p.root)
		}
		pkg, err := imp.Import(p.ImportPath)
		if err != nil {
			return fmt.Errorf("%s: %w", p.ImportPath, err)
		}
		pages[fileName(p)] = page(pkg)
	}
	return nil
}

// list compiles the packages of the module in dir and what they import.
func list(command, dir string) ([]listed, error) {
	cmd := exec.Command(command, "list", "-export", "-deps", "-json=ImportPath,Name,Export,DepOnly,Module", "./...")
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, &stderr)
	}
	var packages []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
}

// public tells whether a user of the module can import the package, and is
// meant to.
func public(p listed) bool {
	path := p.ImportPath + "/"
	return p.Name != "main" && !strings.Contains(path, "/internal/") && !strings.HasPrefix(path, p.Module.Path+"/examples/")
}

// fileName returns the name of the package's file: its path below the root, and its own
// name for the package at the root.
func fileName(p listed) string {
	path, ok := strings.CutPrefix(p.ImportPath, p.root+"/")
	if !ok {
		path = p.Name
	}
	return strings.ReplaceAll(path, "/", "-") + ".txt"
}
