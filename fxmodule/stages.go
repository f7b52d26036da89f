// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"fmt"
	"reflect"
	"sync/atomic"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock/core"
)

// StageOption says where a stage belongs.
type StageOption func(*placement)

type placement struct {
	before, after string
	clients       []string
}

// Before places a stage just outside the one named.
func Before(stage string) StageOption { return func(p *placement) { p.before = stage } }

// After places a stage just inside the one named.
func After(stage string) StageOption { return func(p *placement) { p.after = stage } }

// For gives a stage to the client of that name only, see [Named], or to those
// without a name if that is "". It may be given several times. A stage for a
// name that no client has is not used.
func For(client string) StageOption {
	return func(p *placement) { p.clients = append(p.clients, client) }
}

// AsMiddleware provides the stage that constructor returns, for the chain of
// every client unless [For] says otherwise. The constructor is any that fx
// takes whose result is a core.Stage, or a core.Stage and an error. Without
// Before or After, the stage's own Before and After count, or the Order must
// name it.
func AsMiddleware(constructor any, opts ...StageOption) fx.Option {
	var p placement
	for _, opt := range opts {
		opt(&p)
	}
	if t := reflect.TypeOf(constructor); t == nil || t.Kind() != reflect.Func || t.NumOut() == 0 || t.Out(0) != reflect.TypeFor[core.Stage]() {
		return fx.Error(fmt.Errorf("fxmodule: AsMiddleware needs a constructor of a core.Stage, not a %T", constructor))
	}
	groups := []string{allStages}
	if len(p.clients) > 0 {
		groups = groups[:0]
		for _, client := range p.clients {
			groups = append(groups, stagesOf(client))
		}
	}
	// The stage is provided under a name of its own first, because fx lets a
	// result be changed only by another constructor.
	name := fmt.Sprintf(`name:"penstock.stage.%d"`, stageCount.Add(1))
	options := []fx.Option{fx.Provide(fx.Annotate(constructor, fx.ResultTags(name)))}
	for _, group := range groups {
		options = append(options, fx.Provide(fx.Annotate(p.place, fx.ParamTags(name), fx.ResultTags(group))))
	}
	return fx.Options(options...)
}

var stageCount atomic.Int64

func (p placement) place(s core.Stage) core.Stage {
	if p.before != "" || p.after != "" {
		s.Before, s.After = p.before, p.after
	}
	return s
}

// The tags of the value groups that hold the stages of all clients, and of the
// client with a name. The latter is empty for a client without a name.
const allStages = `group:"penstock.stages"`

func stagesOf(client string) string { return fmt.Sprintf(`group:"penstock.stages.%s"`, client) }
