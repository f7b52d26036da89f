// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock-go/penstock/fxmodule/config"
	"github.com/penstock-go/penstock/pool/milvus"
)

var options = config.Options{Sections: map[string]any{"milvus": milvus.Settings{}}}

// each is the section whose settings are those of another.
const each = "keyed_breaker.each."

// marked matches a table of the page, between its two marks.
var marked = regexp.MustCompile(`(?s)<!-- settings: (\S+) -->\n.*?<!-- end of settings -->`)

// tables returns the page with its tables made anew.
func tables(page string) (string, error) {
	settings, err := config.Settings(options)
	if err != nil {
		return "", err
	}
	if err := complete(settings); err != nil {
		return "", err
	}
	listed := map[string]bool{}
	page = marked.ReplaceAllStringFunc(page, func(old string) string {
		group := marked.FindStringSubmatch(old)[1]
		listed[group] = true
		return "<!-- settings: " + group + " -->\n" + table(group, settings) + "<!-- end of settings -->"
	})
	for _, s := range settings {
		if !listed[groupOf(s.Key)] {
			return "", fmt.Errorf("there is no table for %s: write the mark <!-- settings: %s --> and <!-- end of settings -->", s.Key, groupOf(s.Key))
		}
	}
	for _, t := range inCode {
		if group, _, _ := strings.Cut(t.field, "."); !listed[group] && !listed[group+"_breaker"] {
			return "", fmt.Errorf("there is no table for %s: write the mark <!-- settings: %s --> and <!-- end of settings -->", t.field, group)
		}
	}
	return page, nil
}

// complete returns an error if a setting has no text, or a text no setting.
func complete(settings []config.Setting) error {
	for _, s := range settings {
		if _, ok := texts[s.Key]; !ok && !strings.HasPrefix(s.Key, each) {
			return fmt.Errorf("texts.go says nothing of %s: add a row", s.Key)
		}
	}
	for key := range texts {
		if !slices.ContainsFunc(settings, func(s config.Setting) bool { return s.Key == key }) {
			return fmt.Errorf("texts.go has %s, which is no setting: take the row out", key)
		}
	}
	return nil
}

// groupOf returns the table that has a setting.
func groupOf(key string) string {
	section, _, nested := strings.Cut(key, ".")
	switch {
	case !nested:
		return "client"
	case strings.HasPrefix(key, "milvus.endpoints."):
		return "milvus.endpoints"
	default:
		return section
	}
}

// table returns the rows of a table.
func table(group string, settings []config.Setting) string {
	var b strings.Builder
	b.WriteString("| setting | in Go | default | effect |\n|---|---|---|---|\n")
	for _, s := range settings {
		if groupOf(s.Key) != group || strings.HasPrefix(s.Key, each) {
			continue
		}
		t := texts[s.Key]
		field := s.Field
		if t.field != "" {
			field = t.field
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", s.Key, field, t.def, t.effect)
	}
	if group == "keyed_breaker" {
		fmt.Fprintf(&b, "| `%s*` | `keyed.Config.Each` | as of the breaker | each setting of the breaker, for the breaker of each key |\n", each)
	}
	for _, t := range inCode {
		if pkg, _, _ := strings.Cut(t.field, "."); pkg == group || pkg+"_breaker" == group {
			fmt.Fprintf(&b, "| | `%s` | %s | %s |\n", t.field, t.def, t.effect)
		}
	}
	return b.String()
}

var link = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)

// schema returns the JSON schema, with the texts of the page.
func schema() (string, error) {
	settings, err := config.Settings(options)
	if err != nil {
		return "", err
	}
	shown := map[string]string{}
	for _, s := range settings {
		t, ok := texts[s.Key]
		if !ok {
			t = texts["breaker."+strings.TrimPrefix(s.Key, each)]
		}
		effect := strings.ReplaceAll(link.ReplaceAllString(t.effect, "$1"), "`", "")
		shown[s.Key] = fmt.Sprintf("%s. Default: %s.", strings.ToUpper(effect[:1])+effect[1:], strings.ReplaceAll(t.def, "`", ""))
	}
	text, err := config.Schema(options, shown)
	return string(text), err
}
