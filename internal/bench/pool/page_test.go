// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/pool"
)

// TestThePageOfThePoolNamesEverySettingAndFigure holds docs/pool.md to the code.
func TestThePageOfThePoolNamesEverySettingAndFigure(t *testing.T) {
	text, err := os.ReadFile("../../../docs/pool.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for _, of := range []any{pool.Config{}, pool.Stats{}} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(of)) {
			if !strings.Contains(page, "`"+field.Name+"`") {
				t.Errorf("docs/pool.md does not name `%s` of %T", field.Name, of)
			}
		}
	}
	p, err := pool.New(factory{}, pool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for reason := range p.Stats().Closed {
		if !strings.Contains(page, "`"+string(reason)+"`") {
			t.Errorf("docs/pool.md does not say what closes a connection for `%s`", reason)
		}
	}
}
