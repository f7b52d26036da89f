// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock/middleware"
)

// StageOption says where a stage stands, and in the chain of which clients.
type StageOption func(*placement)

type placement struct {
	before, after string
	clients       []string
}

// Before places a stage just outside of the named stage.
func Before(stage string) StageOption { return func(p *placement) { p.before = stage } }

// After places a stage just inside of the named stage.
func After(stage string) StageOption { return func(p *placement) { p.after = stage } }

// For gives a stage to the client of that name alone, see [Named]. The empty name
// stands for the clients without a name. Several For give a stage to several
// clients. A name that no client has is an error of the application.
func For(client string) StageOption {
	return func(p *placement) { p.clients = append(p.clients, client) }
}

// AsMiddleware provides the stage that constructor returns for the chain of every
// client, unless [For] says otherwise. The constructor is a function that fx can
// call; it returns a middleware.Stage, or a middleware.Stage and an error. If the
// [Order] names the stage, the stage stands there. Otherwise [Before] or [After]
// gives the place, or else the stage's own Before or After. An application with a
// stage and without a client is refused.
func AsMiddleware(constructor any, opts ...StageOption) fx.Option {
	var p placement
	for _, opt := range opts {
		opt(&p)
	}
	if t := reflect.TypeOf(constructor); t == nil || t.Kind() != reflect.Func || t.NumOut() == 0 || t.Out(0) != reflect.TypeFor[middleware.Stage]() {
		return fx.Error(fmt.Errorf("fxmodule: AsMiddleware has a %T: give it a function that returns a middleware.Stage, or a middleware.Stage and an error", constructor))
	}
	maker := runtime.FuncForPC(reflect.ValueOf(constructor).Pointer()).Name()
	maker = maker[strings.LastIndex(maker, "/")+1:]
	if p.before != "" && p.after != "" {
		return fx.Error(fmt.Errorf("fxmodule: the stage of %s has both Before(%q) and After(%q): leave out one of them", maker, p.before, p.after))
	}
	// Only a second constructor can change what the first one returned, and the
	// stage needs a name to travel from one to the other.
	name := fmt.Sprintf("penstock.stage.%d", stageCount.Add(1))
	// In errors fx calls a function by its name here, and not if fx.Annotate wraps it.
	options := []fx.Option{fx.Provide(fx.Annotated{Name: name, Target: constructor})}
	groups, targets := []string{allStages}, []target{{maker: maker, all: true}}
	if len(p.clients) > 0 {
		groups, targets = nil, nil
	}
	for _, client := range p.clients {
		groups, targets = append(groups, stagesOf(client)), append(targets, target{maker: maker, name: client})
	}
	for _, t := range targets {
		options = append(options, fx.Supply(fx.Annotate(t, fx.ResultTags(`group:"penstock.targets"`))))
	}
	for _, group := range groups {
		options = append(options, fx.Provide(fx.Annotate(p.place, fx.ParamTags(`name:"`+name+`"`), fx.ResultTags(group))))
	}
	return fx.Options(append(options, fx.Invoke(check))...)
}

var stageCount atomic.Int64

func (p placement) place(s middleware.Stage) middleware.Stage {
	if p.before != "" || p.after != "" {
		s.Before, s.After = p.before, p.after
	}
	return s
}

// allStages is the tag of the value group with the stages of every client.
const allStages = `group:"penstock.stages"`

// stagesOf returns the tag of the value group with the stages for one client.
func stagesOf(client string) string { return fmt.Sprintf(`group:"penstock.stages.%s"`, client) }
