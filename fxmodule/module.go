// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"errors"
	"slices"

	"go.uber.org/fx"
)

// Module sets what all clients of the application share, and provides the parts of the
// client without a name, see [Client]. An application has at most one.
func Module(opts ...Option) fx.Option {
	if Name(opts...) != "" {
		return fx.Error(errors.New("fxmodule: Module has the option Named, which is for a client: give it to the client"))
	}
	return fx.Module("penstock",
		fx.Supply(leaveOutTheSecondModule{}, &shared{opts}),
		fx.Provide(unnamed.only, fx.Private),
		giveOut(""),
		fx.Invoke(check),
	)
}

// leaveOutTheSecondModule is provided by each Module, so that the error of fx for two
// of them says what to do.
type leaveOutTheSecondModule struct{}

// shared holds the options of Module, in a type that no other constructor
// provides.
type shared struct{ opts []Option }

// resolve returns the settings of a client with opts. A nil s has no shared
// options.
func (s *shared) resolve(opts []Option) settings {
	var out settings
	var all []Option
	if s != nil {
		all = slices.Clone(s.opts)
	}
	for _, opt := range append(all, opts...) {
		opt(&out)
	}
	return out
}
