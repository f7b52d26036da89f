// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/internal/fxgraph"
)

// member is a client of the application, whether or not anything asks for it. Each
// application has a value of its own: the same options may make several applications.
type member struct {
	number  int64 // smaller in a client that was declared earlier
	name    string
	conn    string // type of the connections
	backend string // type of the penstock.Backend
	opts    []Option
}

var memberCount atomic.Int64

// members provides the member for a client of C.
func members[C any](opts []Option) fx.Option {
	number := memberCount.Add(1)
	return fx.Provide(fx.Annotate(func() *member {
		return &member{
			number: number, name: Name(opts...), opts: opts,
			conn:    reflect.TypeFor[C]().String(),
			backend: reflect.TypeFor[penstock.Backend[C]]().String(),
		}
	}, fx.ResultTags(`group:"penstock.clients"`)))
}

// target says which clients a stage is for: the clients of that name, or all clients.
type target struct {
	name string
	all  bool
}

type wiring struct {
	fx.In
	Shared  *shared `optional:"true"`
	Graph   fx.DotGraph
	Config  penstock.Config  `optional:"true"` // a mistake
	Pointer *penstock.Config `optional:"true"` // a mistake
	Members []*member        `group:"penstock.clients"`
	Targets []target         `group:"penstock.targets"`
}

// check returns an error that names what the application provides for its clients
// and no client takes. fx calls it whether or not anything asks for a client.
func check(w wiring) error {
	slices.SortFunc(w.Members, func(a, b *member) int { return int(a.number - b.number) })
	if len(w.Members) == 0 && len(w.Targets) > 0 {
		return errors.New("fxmodule: AsMiddleware gives a stage to clients, and the application has no client: add fxmodule.Client, or leave the stage out")
	}
	var faults []error
	for _, t := range w.Targets {
		if !t.all && !slices.ContainsFunc(w.Members, func(m *member) bool { return m.name == t.name }) {
			faults = append(faults, fmt.Errorf("fxmodule: a stage is For(%q), and no client has that name: name one of %s", t.name, names(w.Members)))
		}
	}
	for _, k := range fxgraph.Provided(w.Graph) {
		switch {
		case strings.HasPrefix(k.Type, "penstock.Backend["), strings.HasPrefix(k.Type, "*penstock.Backend["):
			faults = append(faults, w.backend(k))
		case w.isConfig(k):
			faults = append(faults, w.config(k))
		}
	}
	// The groups of fx, and so the faults, come in no order.
	faults = slices.DeleteFunc(faults, func(err error) bool { return err == nil })
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(faults...)
}

// isConfig reports whether k is a penstock.Config or a pointer to one. The graph has
// the names of types without their paths, and the application may have a package
// penstock of its own: so the value without a name must be there, too.
func (w *wiring) isConfig(k fxgraph.Key) bool {
	switch k.Type {
	case "penstock.Config":
		return k.Name != "" || !reflect.ValueOf(w.Config).IsZero()
	case "*penstock.Config":
		return k.Name != "" || w.Pointer != nil
	default:
		return false
	}
}

// backend returns the fault of a penstock.Backend that no client takes.
func (w *wiring) backend(k fxgraph.Key) error {
	conn := strings.TrimSuffix(k.Type[strings.Index(k.Type, "[")+1:], "]")
	same := slices.DeleteFunc(slices.Clone(w.Members), func(m *member) bool { return m.backend != strings.TrimPrefix(k.Type, "*") })
	add := fmt.Sprintf("add fxmodule.Client[%s](%s)", conn, named(k.Name))
	switch {
	case strings.HasPrefix(k.Type, "*"):
		return fmt.Errorf("fxmodule: no client takes the %s%s: provide the penstock.Backend itself, not a pointer to it", k.Type, withName(k.Name))
	case len(same) == 0:
		return fmt.Errorf("fxmodule: no client takes the %s%s: %s, or leave it out", k.Type, withName(k.Name), add)
	case !slices.ContainsFunc(same, func(m *member) bool { return m.name == k.Name }):
		return fmt.Errorf("fxmodule: no client takes the %s%s: give it the name of a client of %s, one of %s, or %s", k.Type, withName(k.Name), conn, names(same), add)
	default:
		return nil
	}
}

// config returns the fault of a penstock.Config that no client takes. It is the
// application's own affair if an option configures the clients that it could be for.
func (w *wiring) config(k fxgraph.Key) error {
	could := slices.DeleteFunc(slices.Clone(w.Members), func(m *member) bool { return m.name != k.Name })
	if len(could) == 0 {
		could = w.Members
	}
	if !slices.ContainsFunc(could, func(m *member) bool { return w.Shared.resolve(m.opts).client == nil }) {
		return nil
	}
	return fmt.Errorf("fxmodule: no client takes the %s%s in the graph: make it before the application, and pass it to fxmodule.Config as an option of the client or of Module", k.Type, withName(k.Name))
}

// withName says which name a value has, if any.
func withName(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" with the name %q", name)
}

// named returns the option for a client of that name, as Go has it.
func named(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("fxmodule.Named(%q)", name)
}

// names lists the names of clients.
func names(members []*member) string {
	var all []string
	for _, m := range members {
		all = append(all, fmt.Sprintf("%q", m.name))
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}
