// SPDX-License-Identifier: Apache-2.0

package fxgraph_test

import (
	"maps"
	"slices"
	"testing"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock/internal/fxgraph"
)

type pair[A, B any] struct{}

func TestProvidedNamesWhatConstructorsProvide(t *testing.T) {
	var got []fxgraph.Key
	app := fx.New(fx.NopLogger,
		fx.Supply(pair[int, string]{}, &pair[int, string]{}),
		fx.Supply(fx.Annotate(pair[int, string]{}, fx.ResultTags(`name:"a[b]"`)), fx.Annotate(7, fx.ResultTags(`group:"numbers"`))),
		fx.Module("inner", fx.Provide(func() (float64, error) { return 1, nil }, fx.Private)),
		fx.Invoke(func(g fx.DotGraph) { got = fxgraph.Provided(g) }),
	)
	if err := app.Err(); err != nil {
		t.Fatal(err)
	}
	const name = "fxgraph_test.pair[int,string]"
	for _, want := range []fxgraph.Key{{Type: name}, {Type: "*" + name}, {Type: name, Name: "a[b]"}, {Type: "float64"}, {Type: "fx.DotGraph"}} {
		if n := len(slices.DeleteFunc(slices.Clone(got), func(k fxgraph.Key) bool { return k != want })); n != 1 {
			t.Errorf("%+v is there %d times, want once, in %+v", want, n, got)
		}
	}
	if slices.ContainsFunc(got, func(k fxgraph.Key) bool { return k.Type == "int" }) {
		t.Errorf("a value of a group is in %+v", got)
	}
	if keys := fxgraph.Provided("nonsense\n\t\t\"unfinished"); len(keys) > 0 {
		t.Errorf("nonsense provides %+v", keys)
	}
}

type taking struct {
	fx.In
	Named    string   `name:"a[b]"`
	Optional int8     `optional:"true"`
	Group    []uint16 `group:"numbers"`
}

func TestTakenNamesWhatConstructorsTake(t *testing.T) {
	var got map[fxgraph.Key]bool
	app := fx.New(fx.NopLogger,
		fx.Provide(func(*pair[int, string], taking) float64 { return 1 }),
		fx.Invoke(func(g fx.DotGraph) { got = fxgraph.Taken(g) }),
	)
	if err := app.Err(); err != nil {
		t.Fatal(err)
	}
	want := map[fxgraph.Key]bool{{Type: "*fxgraph_test.pair[int,string]"}: true, {Type: "string", Name: "a[b]"}: true, {Type: "int8"}: true}
	if !maps.Equal(got, want) {
		t.Errorf("Taken = %v, want %v", got, want)
	}
}
