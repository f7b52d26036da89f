// SPDX-License-Identifier: Apache-2.0

package fxmodule_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/middleware"
)

func TestWarningsAboutTheChainAreLoggedAtStart(t *testing.T) {
	for name, row := range map[string]struct {
		opts []fxmodule.Option
		want string
	}{
		"the defaults":           {nil, ""},
		"an operation too short": {[]fxmodule.Option{fxmodule.Config(penstock.Config{Chain: middleware.Config{OperationTimeout: time.Second}})}, "set Timeout.Attempt"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			var c client
			app := fxtest.New(t,
				fxmodule.Client[*conn](row.opts...), provide(&factory{}), fx.Populate(&c),
				fx.Supply(slog.New(slog.NewTextHandler(&log, nil))),
			)
			app.RequireStart()
			app.RequireStop()
			chain := c.Chain()
			if got := strings.Count(log.String(), "level=WARN"); got != len(chain.Warnings) || !strings.Contains(log.String(), row.want) {
				t.Errorf("warnings %q, logged:\n%s", chain.Warnings, &log)
			}
			if (row.want == "") != (len(chain.Warnings) == 0) {
				t.Errorf("warnings %q", chain.Warnings)
			}
		})
	}
}
