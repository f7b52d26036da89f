// SPDX-License-Identifier: Apache-2.0

package fxadaptertest

import (
	"testing"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock/fxmodule"
)

func (a Adapter[Conn, Config]) testNotTaken(t *testing.T) {
	main, archive := a.Module(), a.Module(fxmodule.Named("archive"))
	var zero Config
	for _, row := range []struct {
		name  string
		graph fx.Option
		want  string
	}{
		{"none", main, "FX: the client has no configuration: provide a CONFIG"},
		{"none for two clients", fx.Options(archive, main), "FX: the client has no configuration: provide a CONFIG\n" +
			`FX: the client with the name "archive" has no configuration: provide a CONFIG with the name "archive"`},
		{
			"one without a name for a client with one", fx.Options(archive, fx.Supply(zero)),
			`FX: the client with the name "archive" has no configuration: provide a CONFIG with the name "archive"; no client takes the CONFIG`,
		},
		{
			"one with a misspelt name", fx.Options(main, archive, fx.Supply(zero), named("archiv", zero)),
			`FX: the client with the name "archive" has no configuration: provide a CONFIG with the name "archive"; no client takes the CONFIG with the name "archiv"`,
		},
		{
			"a pointer", fx.Options(main, fx.Supply(&zero)),
			"FX: the client has no configuration: provide a CONFIG; no client takes the *CONFIG",
		},
		{
			"one with a misspelt name beside one for each client", fx.Options(main, fx.Supply(zero), named("archiv", zero)),
			`FX: no client takes the CONFIG with the name "archiv": leave its name out, as the client has none, or add FX.Module with that fxmodule.Named`,
		},
		{
			"one without a name beside one for each client", fx.Options(archive, named("archive", zero), fx.Supply(a.With("localhost:1", ""))),
			`FX: no client takes the CONFIG: give it the name of a client, one of "archive", or add FX.Module with that fxmodule.Named`,
		},
		{
			"an address that cannot be", fx.Options(archive, named("archive", a.With("http://localhost", ""))),
			`FX: the client with the name "archive": milvus: bad configuration: Address "http://localhost" has a scheme: give host:port or dns:///host:port, and TLS for encryption`,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := fx.New(fxmodule.WithLogger(), row.graph).Err()
			if text := fxmodule.Explain(err); err != nil && text.Error() != err.Error() {
				t.Errorf("Explain shortens %q to %q, want no frames to begin with", err, text)
			}
			if want := a.text(row.want); err == nil || err.Error() != want {
				t.Errorf("the error is\n%v\nwant\n%s", err, want)
			}
		})
	}
}

// What a client takes, or what the application has for itself, is no fault.
func (a Adapter[Conn, Config]) testTaken(t *testing.T) {
	main, archive := a.Module(), a.Module(fxmodule.Named("archive"))
	type base struct {
		fx.In
		Base Config `name:"base"`
	}
	var zero Config
	for name, graph := range map[string]fx.Option{
		"one for each client":          fx.Options(main, archive, fx.Supply(zero), named("archive", zero)),
		"one made of another":          fx.Options(main, named("base", zero), fx.Provide(func(b base) Config { return b.Base })),
		"one made of a pointer":        fx.Options(main, fx.Supply(&zero), fx.Provide(func(c *Config) Config { return *c })),
		"a type of the application's":  fx.Options(archive, named("archive", zero), fx.Supply(a.Own)),
		"a pointer beside one for all": fx.Options(main, fx.Supply(zero, a.OwnPointer)),
	} {
		if err := fx.New(fx.NopLogger, graph).Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
