// SPDX-License-Identifier: Apache-2.0

// Dashboards writes the dashboards for Grafana into docs/grafana and the alert rules for
// Prometheus into docs/alerts. The names of metrics and labels come from the table of
// metrics in docs/telemetry.md: a name that is not there is an error.
//
// It is a module of its own, so that users of Penstock download nothing for it.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	docs := flag.String("docs", "../../docs", "the folder docs")
	check := flag.Bool("check", false, "write nothing, and fail if a file is not what would be written")
	flag.Parse()
	if err := run(*docs, *check); err != nil {
		fmt.Fprintln(os.Stderr, "dashboards:", err)
		os.Exit(1)
	}
}

// run writes all files, or checks them.
func run(docs string, check bool) error {
	t, err := readTable(filepath.Join(docs, "telemetry.md"))
	if err != nil {
		return err
	}
	files, err := generate(t)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(docs, filepath.FromSlash(name))
		if check {
			present, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if !bytes.Equal(present, files[name]) {
				return fmt.Errorf("%s is out of date: run make dashboards", path)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
		fmt.Println("wrote", path)
	}
	return nil
}

// generate returns all files, by their name within docs.
func generate(t table) (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, d := range dashboards() {
		content, err := d.json(t)
		if err != nil {
			return nil, fmt.Errorf("dashboard %s: %w", name, err)
		}
		files["grafana/"+name+".json"] = content
	}
	content, err := rules(t, alerts)
	if err != nil {
		return nil, err
	}
	files["alerts/penstock.yaml"] = content
	return files, nil
}
