// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/fxmodule/admin"
)

func TestWrongWiringOfTheAdminModuleIsExplained(t *testing.T) {
	for name, row := range map[string]struct {
		options fx.Option
		want    string
	}{
		"two modules": {
			fx.Options(admin.Module(admin.Config{}), admin.Module(admin.Config{})),
			"admin: the application has two admin.Module: leave out one of them",
		},
		"an address for all, and no token": {
			admin.Module(admin.Config{Address: "0.0.0.0:0"}),
			`admin: Address "0.0.0.0:0" is reached from other machines: set Tokens, or listen on 127.0.0.1`,
		},
	} {
		err := fx.New(fx.NopLogger, row.options).Err()
		if err == nil {
			t.Errorf("%s: the application was built", name)
			continue
		}
		if got := fxmodule.Explain(err).Error(); got != row.want {
			t.Errorf("%s: the error is\n%s\nwant\n%s", name, got, row.want)
		}
	}
}
