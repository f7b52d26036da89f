// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/penstock-go/penstock/core"
)

// NewClient returns the client that cfg describes, its chain built of chain.
// cfg.Middleware must be nil. To cfg.Parts it adds cfg.Source and the parts of
// the chain, so that closing the client ends the probes first, then drains the
// source, then closes what the caller had put there. An operation timeout may be
// given in either of cfg.Timeout and chain.OperationTimeout.
//
// It starts nothing: the health monitor, if there is one, is to be had by
// core.Part[*health.Monitor] and started by the caller.
func NewClient[C any](cfg core.ClientConfig[C], chain Config) (*core.Client[C], error) {
	if cfg.Middleware != nil {
		return nil, errors.New("middleware: NewClient builds the chain itself, but Middleware is set")
	}
	if cfg.Timeout != 0 && chain.OperationTimeout != 0 && cfg.Timeout != chain.OperationTimeout {
		return nil, fmt.Errorf("middleware: two operation timeouts: Timeout %v, and OperationTimeout %v of the chain", cfg.Timeout, chain.OperationTimeout)
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, chain.OperationTimeout)
	chain.OperationTimeout = cfg.Timeout
	built, err := Build(chain)
	if err != nil {
		// So that what is wrong with the rest is said in the same breath.
		_, rest := core.NewClient(cfg)
		return nil, errors.Join(err, rest)
	}
	cfg.Middleware = built.Middleware
	cfg.Parts = append(slices.Clone(cfg.Parts), cfg.Source)
	cfg.Parts = append(cfg.Parts, built.Parts()...)
	return core.NewClient(cfg)
}
