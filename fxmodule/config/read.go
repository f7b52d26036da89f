// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	mostBytes  = 1 << 20 // of a file: a thousand clients with all settings have half of it
	mostSecret = 64 << 10
)

// open opens a file. Tests replace it.
var open = func(name string) (file, error) { return os.Open(name) }

type file interface {
	io.ReadCloser
	Stat() (fs.FileInfo, error)
}

// read returns what is in a file, and what the file system says of it. A file that changes
// while it is read is read again, three times at most.
func read(name string, most int64) ([]byte, fs.FileInfo, error) {
	// Opened only if it is a file: the open of a named pipe would wait for a writer.
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		what := "no regular file"
		if info.IsDir() {
			what = "a directory"
		}
		return nil, nil, fmt.Errorf("it is %s: name a file", what)
	}
	for range 3 {
		text, info, err := readOnce(name, most)
		if err != nil || info != nil {
			return text, info, err
		}
	}
	return nil, nil, errors.New("it changed while it was read: write a new file, and rename it to this name")
}

// readOnce returns no FileInfo if the file changed meanwhile.
func readOnce(name string, most int64) (text []byte, info fs.FileInfo, err error) {
	f, err := open(name)
	if err != nil {
		return nil, nil, remedy(err)
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return nil, nil, remedy(err)
	}
	if before.Size() > most {
		return nil, nil, fmt.Errorf("it has %d bytes, and %d are the most: is it the right file?", before.Size(), most)
	}
	text, err = io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, nil, remedy(err)
	}
	after, err := f.Stat()
	if err != nil {
		return nil, nil, remedy(err)
	}
	if before.Size() != after.Size() || !before.ModTime().Equal(after.ModTime()) || int64(len(text)) != after.Size() {
		return nil, nil, nil
	}
	return text, after, nil
}

// remedy says what to do about an error of the file system. Its text leaves out the name,
// which the caller has.
func remedy(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: create the file, or correct its name", fs.ErrNotExist)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: let the user of the process read the file", fs.ErrPermission)
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// readSecret returns the text in a file without the newline at its end.
func readSecret(name string) (string, error) {
	text, _, err := read(name, mostSecret)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if secret == "" {
		return "", fmt.Errorf("%s: the file is empty: write the secret into it", name)
	}
	return secret, nil
}

// parse returns the one document of a file, nil if it is empty. An error names a line and
// repeats no text of the file, which may be a secret.
func parse(text []byte) (*yaml.Node, *fault) {
	var doc, next yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, notYAML(text, err)
	}
	if err := decoder.Decode(&next); err == nil && !empty(next.Content[0]) {
		return nil, &fault{line: next.Line, err: errors.New("a second YAML document begins: put all settings into one")}
	} else if err != nil && !errors.Is(err, io.EOF) {
		return nil, notYAML(text, err)
	}
	root := doc.Content[0]
	if empty(root) {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, &fault{line: root.Line, err: errors.New("there is no setting: write lines such as max_async: 500")}
	}
	return root, nil
}

func empty(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// atLine matches a line number in an error of the parser.
var atLine = regexp.MustCompile(`line (\d+)`)

func notYAML(text []byte, err error) *fault {
	f := &fault{line: 1}
	if m := atLine.FindStringSubmatch(err.Error()); m != nil {
		fmt.Sscan(m[1], &f.line)
	}
	lines := bytes.Split(text, []byte("\n"))
	// The parser names the line before, or the one after, when a tab indents a line.
	for _, n := range []int{f.line, f.line + 1, f.line - 1} {
		if n < 1 || n > len(lines) {
			continue
		}
		line := lines[n-1]
		if indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]; bytes.ContainsRune(indent, '\t') {
			return &fault{line: n, err: errors.New("a tab indents the line: YAML wants spaces")}
		}
	}
	switch text := err.Error(); {
	case strings.Contains(text, "unknown anchor"):
		f.err = errors.New("an alias has no anchor: write the value itself")
	case strings.Contains(text, "control characters"), strings.Contains(text, "UTF-8"):
		f.err = errors.New("the file is not text in UTF-8: is it the right file?")
	case strings.Contains(text, "mapping values are not allowed"):
		f.err = errors.New("not YAML: correct the indentation, or put the text in quotes")
	case strings.Contains(text, "exceeded max depth"):
		f.err = errors.New("the sections are nested too deeply: is it the right file?")
	default:
		f.err = errors.New("not YAML: check this line and the one before it for a quote, a bracket or a colon that is missing")
	}
	return f
}
