// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/pool"
)

// TestThePageOfThePoolNamesEverySettingAndFigure holds docs/pool.md to the code.
func TestThePageOfThePoolNamesEverySettingAndFigure(t *testing.T) {
	page := read(t, "docs/pool.md")
	for _, of := range []any{pool.Config{}, pool.Stats{}} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(of)) {
			if !strings.Contains(page, "`"+field.Name+"`") {
				t.Errorf("docs/pool.md does not name `%s` of %T", field.Name, of)
			}
		}
	}
	p, err := pool.New(noConns{}, pool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for reason := range p.Stats().Closed {
		if !strings.Contains(page, "`"+string(reason)+"`") {
			t.Errorf("docs/pool.md does not say what closes a connection for `%s`", reason)
		}
	}
}

// noConns is a factory that is not asked for a connection.
type noConns struct{}

func (noConns) Dial(context.Context) (int, error) { return 0, errors.ErrUnsupported }
func (noConns) Close(context.Context, int) error  { return nil }
