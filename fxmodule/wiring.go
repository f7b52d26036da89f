// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/fxgraph"
	"github.com/penstock-go/penstock/otelx/sdk"
)

// target says which clients a stage is for: the clients of that name, or all clients.
type target struct {
	maker string // name of the constructor of the stage
	name  string
	all   bool
}

type wiring struct {
	fx.In
	Shared     *shared `optional:"true"`
	Graph      fx.DotGraph
	Config     penstock.Config  `optional:"true"` // a mistake
	Pointer    *penstock.Config `optional:"true"` // a mistake
	Observer   core.Observer    `optional:"true"`
	Classifier core.Classifier  `optional:"true"`
	Telemetry  *telemetry       `optional:"true"`
	SDK        sdk.Config       `optional:"true"`
	Members    []*member        `group:"penstock.clients"`
	Targets    []target         `group:"penstock.targets"`
}

// check returns an error that names what the application provides for its clients
// and no client takes. fx calls it whether or not anything asks for a client.
func check(w wiring) error {
	slices.SortFunc(w.Members, func(a, b *member) int { return int(a.number - b.number) })
	if len(w.Members) > 0 {
		if w.Members[0].checked {
			return nil // each module of the application invokes check
		}
		w.Members[0].checked = true
	}
	faults := w.targets()
	provided, taken := fxgraph.Provided(w.Graph), fxgraph.Taken(w.Graph)
	for _, k := range provided {
		switch {
		case taken[k]: // also by what the application has for itself
		case strings.HasPrefix(k.Type, "penstock.Backend["), strings.HasPrefix(k.Type, "*penstock.Backend["):
			faults = append(faults, w.backend(k, provided))
		case w.isConfig(k):
			faults = append(faults, w.config(k))
		case k.Type == "core.Observer", k.Type == "core.Classifier":
			faults = append(faults, w.tagged(k, provided))
		case k.Type == "func(error) core.Class":
			faults = append(faults, fmt.Errorf("fxmodule: no client takes the %s%s: provide it as a core.Classifier", k.Type, withName(k.Name)))
		case k.Type == "sdk.Config" && k.Name == "" && w.Telemetry == nil && !reflect.ValueOf(w.SDK).IsZero():
			faults = append(faults, errors.New("fxmodule: nothing takes the sdk.Config: add fxmodule.Telemetry(), or leave it out"))
		}
	}
	for _, m := range w.Members {
		faults = append(faults, w.factory(m, provided))
	}
	// The groups of fx, and so the faults, come in no order.
	faults = slices.DeleteFunc(faults, func(err error) bool { return err == nil })
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(faults...)
}

// targets returns the faults of stages for clients that are not there.
func (w *wiring) targets() (faults []error) {
	for _, t := range w.Targets {
		switch {
		case len(w.Members) == 0:
			faults = append(faults, fmt.Errorf("fxmodule: no client takes the stage of %s: add fxmodule.Client, or leave the stage out", t.maker))
		case !t.all && !slices.ContainsFunc(w.Members, named(t.name)):
			faults = append(faults, fmt.Errorf("fxmodule: the stage of %s is For(%q), and no client has that name: %s", t.maker, t.name,
				choice(w.Members, "name", `use For("") for the client without a name`)))
		}
	}
	return faults
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

// backend returns the fault of a penstock.Backend that no client takes. If a client of its
// type has nothing to dial with, the fault of that client tells of the backend.
func (w *wiring) backend(k fxgraph.Key, provided []fxgraph.Key) error {
	conn := strings.TrimSuffix(k.Type[strings.Index(k.Type, "[")+1:], "]")
	same := slices.DeleteFunc(slices.Clone(w.Members), func(m *member) bool { return m.backend != strings.TrimPrefix(k.Type, "*") })
	add := fmt.Sprintf("add fxmodule.Client[%s](%s)", conn, option(k.Name))
	starved := func(m *member) bool { return !m.canDial(provided) }
	switch {
	case strings.HasPrefix(k.Type, "*"):
		return fmt.Errorf("fxmodule: no client takes the %s%s: provide the penstock.Backend itself, not a pointer to it", k.Type, withName(k.Name))
	case len(same) == 0:
		return fmt.Errorf("fxmodule: no client takes the %s%s: %s, or leave it out", k.Type, withName(k.Name), add)
	case !slices.ContainsFunc(same, named(k.Name)) && !slices.ContainsFunc(same, starved):
		return fmt.Errorf("fxmodule: no client takes the %s%s: %s, or %s", k.Type, withName(k.Name),
			choice(same, "give it the name of a client of "+conn+",", "leave out its name for the client of "+conn+" without a name"), add)
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

// tagged returns the fault of a core.Observer or a core.Classifier that no client takes.
// The application may have a package core of its own. The value without a name must be
// there, too; for a value with a name some client must have none of that type.
func (w *wiring) tagged(k fxgraph.Key, provided []fxgraph.Key) error {
	taken := slices.ContainsFunc(w.Members, named(k.Name))
	if k.Name == "" {
		switch k.Type {
		case "core.Observer":
			taken = w.Observer == nil || len(w.Members) > 0 // it is for all clients
		default:
			taken = w.Classifier == nil || taken
		}
	}
	without := func(m *member) bool { return !slices.Contains(provided, fxgraph.Key{Type: k.Type, Name: m.name}) }
	if taken || k.Name != "" && !slices.ContainsFunc(w.Members, without) {
		return nil
	}
	if len(w.Members) == 0 {
		return fmt.Errorf("fxmodule: no client takes the %s%s: add fxmodule.Client, or leave it out", k.Type, withName(k.Name))
	}
	return fmt.Errorf("fxmodule: no client takes the %s%s: %s", k.Type, withName(k.Name),
		choice(w.Members, "give it the name of a client,", "leave out its name"))
}

// factory returns the fault of a client that has nothing to dial with, and names what
// would do and no client takes.
func (w *wiring) factory(m *member, provided []fxgraph.Key) error {
	if m.canDial(provided) {
		return nil
	}
	left := ""
	for _, k := range provided {
		kind, _, _ := strings.Cut(k.Type, "[")
		if k.Type == m.factory || k.Type == m.backend {
			takes := func(m *member) bool { return m.name == k.Name && (m.factory == k.Type || m.backend == k.Type) }
			if !slices.ContainsFunc(w.Members, takes) {
				left += fmt.Sprintf("; no client takes the %s[%s]%s", kind, m.conn, withName(k.Name))
			}
		}
	}
	if left == "" && slices.ContainsFunc(provided, func(k fxgraph.Key) bool { return k == fxgraph.Key{Type: "*" + m.backend, Name: m.name} }) {
		return nil // told by the fault of the pointer
	}
	return m.noFactory(fmt.Sprintf("pool.Factory[%s] or a penstock.Backend[%s]", m.conn, m.conn), left)
}
