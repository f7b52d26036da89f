// SPDX-License-Identifier: Apache-2.0

package milvusfx_test

import (
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/fxmodule/milvusfx"
	own "github.com/penstock-go/penstock/fxmodule/milvusfx/testdata/milvus"
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
		{"none", main, []string{"milvusfx: the client has no configuration: provide a milvus.Config"}},
		{"one without a name for a client with one", fx.Options(archive, fx.Supply(milvus.Config{})), []string{
			`milvusfx: the client with the name "archive" has no configuration: provide a milvus.Config with the name "archive"; no client takes the milvus.Config`,
		}},
		{"one with a misspelt name", fx.Options(main, archive, fx.Supply(milvus.Config{}), with("archiv", milvus.Config{})), []string{
			`milvusfx: the client with the name "archive" has no configuration: provide a milvus.Config with the name "archive"; no client takes the milvus.Config with the name "archiv"`,
		}},
		{"a pointer", fx.Options(main, fx.Supply(&milvus.Config{})), []string{
			"milvusfx: the client has no configuration: provide a milvus.Config; no client takes the *milvus.Config",
		}},
		{"one with a misspelt name beside one for each client", fx.Options(main, fx.Supply(milvus.Config{}), with("archiv", milvus.Config{})), []string{
			`milvusfx: no client takes the milvus.Config with the name "archiv": give it the name of a client, one of "", or add milvusfx.Module with that fxmodule.Named`,
		}},
		{"one without a name beside one for each client", fx.Options(archive, with("archive", milvus.Config{}), fx.Supply(milvus.Config{Database: "docs"})), []string{
			`milvusfx: no client takes the milvus.Config: give it the name of a client, one of "archive", or add milvusfx.Module with that fxmodule.Named`,
		}},
		{"an address that cannot be", fx.Options(archive, with("archive", milvus.Config{Address: "http://localhost"})), []string{
			`milvusfx: the client with the name "archive": milvus: bad configuration: Address "http://localhost" has a scheme: give host:port or dns:///host:port, and TLS for encryption`,
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := fx.New(fxmodule.WithLogger(), row.graph).Err()
			if text := fxmodule.Explain(err); err != nil && text.Error() != err.Error() {
				t.Errorf("Explain shortens %q to %q, want no frames to begin with", err, text)
			}
			if want := strings.Join(row.want, "\n"); err == nil || err.Error() != want {
				t.Errorf("the error is\n%v\nwant\n%s", err, want)
			}
		})
	}
}

// What a client takes, or what the application has for itself, is no fault.
func TestConfigurationsThatAreTakenAreNoFault(t *testing.T) {
	main, archive := milvusfx.Module(), milvusfx.Module(fxmodule.Named("archive"))
	type named struct {
		fx.In
		Base milvus.Config `name:"base"`
	}
	for name, graph := range map[string]fx.Option{
		"one for each client":          fx.Options(main, archive, fx.Supply(milvus.Config{}), with("archive", milvus.Config{})),
		"one made of another":          fx.Options(main, with("base", milvus.Config{}), fx.Provide(func(n named) milvus.Config { return n.Base })),
		"one made of a pointer":        fx.Options(main, fx.Supply(&milvus.Config{}), fx.Provide(func(c *milvus.Config) milvus.Config { return *c })),
		"a type of the application's":  fx.Options(archive, with("archive", milvus.Config{}), fx.Supply(own.Config{Answer: 42})),
		"a pointer beside one for all": fx.Options(main, fx.Supply(milvus.Config{}, &own.Config{})),
	} {
		if err := fx.New(fx.NopLogger, graph).Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
