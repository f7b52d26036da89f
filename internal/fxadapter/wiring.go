// SPDX-License-Identifier: Apache-2.0

package fxadapter

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock/fxmodule/config"
	"github.com/penstock-go/penstock/internal/fxgraph"
)

// clientOf is a client of the adapter with that Config.
type clientOf[Config any] struct{ name string }

// wiring is what check takes of the graph.
type wiring[Config any] struct {
	fx.In
	Graph   fx.DotGraph
	Config  Config             `optional:"true"` // a mistake, unless a client has no name
	File    *config.File       `optional:"true"`
	Clients []clientOf[Config] `group:"penstock.adapters"`
}

// check returns an error that names each client without a configuration, and each
// configuration that no client takes. module is the name of the package of the module.
func (w wiring[Config]) check(module string) error {
	var clients []string
	for _, c := range w.Clients {
		clients = append(clients, c.name)
	}
	slices.Sort(clients) // fx shuffles groups
	of := reflect.TypeFor[Config]().String()
	given, left, fault := map[string]bool{}, "", false
	taken := fxgraph.Taken(w.Graph) // also by what the application has for itself
	for _, k := range fxgraph.Provided(w.Graph) {
		switch {
		case k.Type == of && slices.Contains(clients, k.Name):
			given[k.Name] = true
		case taken[k]:
		case k.Type == of, k.Type == "*"+of:
			left += fmt.Sprintf("; no client takes the %s%s", k.Type, with(k.Name))
			fault = fault || k.Type == of && w.isOurs(k.Name)
		}
	}
	var faults []error
	for _, name := range clients {
		if !given[name] && w.File == nil {
			faults = append(faults, fmt.Errorf("%s: the client%s has no configuration: provide a %s%s%s", module, with(name), of, with(name), left))
		}
	}
	if fault && len(faults) == 0 {
		return fmt.Errorf("%s: %s: %s, or add %s.Module with that fxmodule.Named", module, strings.TrimPrefix(left, "; "),
			fxgraph.Choice(clients, "give it the name of a client,", "leave its name out, as the client has none"), module)
	}
	return errors.Join(faults...)
}

// isOurs reports whether the graph has a configuration of the adapter by that name. The
// application may have a package with the name of the adapter's and a Config of its own,
// and the graph has the names of types without their paths: so the value without a name
// must be there, too. A value with a name is taken for one of the adapter.
func (w wiring[Config]) isOurs(name string) bool {
	return name != "" || !reflect.ValueOf(w.Config).IsZero()
}

// with says which name a value has, if any.
func with(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" with the name %q", name)
}
