// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"errors"
	"slices"

	"go.uber.org/fx"
)

// Module sets what all clients of the application share. An application has at
// most one.
func Module(opts ...Option) fx.Option {
	if Name(opts...) != "" {
		return fx.Error(errors.New("fxmodule: Named is for a client, not for Module"))
	}
	return fx.Module("penstock", fx.Supply(&shared{opts}))
}

// shared are the options given to Module, in a type of their own so that
// nobody else provides it.
type shared struct{ opts []Option }

// resolve returns the settings of a client with opts in an application with
// these shared options.
func (s *shared) resolve(opts []Option) settings {
	var out settings
	var all []Option
	if s != nil {
		all = slices.Clone(s.opts)
	}
	for _, opt := range append(all, opts...) {
		opt(&out)
	}
	if out.order != nil {
		out.chain.Order = out.order
	}
	out.chain.Without = append(slices.Clone(out.chain.Without), out.without...)
	return out
}
