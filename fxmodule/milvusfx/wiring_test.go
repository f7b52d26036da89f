// SPDX-License-Identifier: Apache-2.0

package milvusfx_test

import (
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/fxmodule/milvusfx"
	"github.com/penstock-go/penstock/pool/milvus"
)

// with returns a value with a name.
func with(name string, value any) fx.Option {
	return fx.Supply(fx.Annotate(value, fx.ResultTags(`name:"`+name+`"`)))
}

func TestAConfigurationThatNoClientTakesIsNamed(t *testing.T) {
	main, archive := milvusfx.Module(), milvusfx.Module(fxmodule.Named("archive"))
	for _, row := range []struct {
		name  string
		graph fx.Option
		want  []string
	}{
		{"none", main, []string{"milvusfx: a client has no configuration: provide a milvus.Config"}},
		{"one without a name for a client with one", fx.Options(archive, fx.Supply(milvus.Config{})), []string{
			`milvusfx: a client with the name "archive" has no configuration: provide a milvus.Config with the name "archive"; no client takes the milvus.Config`,
		}},
		{"one with a misspelt name", fx.Options(main, archive, fx.Supply(milvus.Config{}), with("archiv", milvus.Config{})), []string{
			`milvusfx: a client with the name "archive" has no configuration: provide a milvus.Config with the name "archive"; no client takes the milvus.Config with the name "archiv"`,
		}},
		{"a pointer", fx.Options(main, fx.Supply(&milvus.Config{})), []string{
			"milvusfx: a client has no configuration: provide a milvus.Config; no client takes the *milvus.Config",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := fx.New(fx.NopLogger, row.graph).Err()
			if want := strings.Join(row.want, "\n"); err == nil || err.Error() != want {
				t.Errorf("the error is\n%v\nwant\n%s", err, want)
			}
		})
	}
}
