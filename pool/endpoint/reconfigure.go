// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"errors"
	"fmt"

	"github.com/penstock-go/penstock/internal/fault"
	"github.com/penstock-go/penstock/pool"
)

// Accepts returns the error that [Balancer.Reconfigure] would return for cfg, and changes
// nothing.
func (b *Balancer[C]) Accepts(cfg pool.Config) error {
	var errs []error
	for _, e := range b.endpoints() {
		if err := e.pool.Accepts(b.own(cfg)); err != nil {
			errs = append(errs, fmt.Errorf("endpoint %s: %w", e.address.HostPort, err))
		}
	}
	if len(b.endpoints()) == 0 { // no host has been looked up so far
		errs = append(errs, b.acceptsUnseen(cfg))
	}
	return fault.Join(errs...)
}

// acceptsUnseen is Accepts while there is no pool to ask.
func (b *Balancer[C]) acceptsUnseen(cfg pool.Config) error {
	next, err := b.own(cfg).Effective()
	if err != nil {
		return err
	}
	old, err := b.pool.Load().Effective()
	if err != nil {
		return err
	}
	var faults fault.List
	fault.Fixed(&faults, "Name", old.Name, next.Name)
	fault.Fixed(&faults, "Mode", old.Mode, next.Mode)
	fault.Fixed(&faults, "MaxSharing", old.MaxSharing, next.MaxSharing)
	return faults.Err("pool")
}

// Reconfigure puts cfg in force in the pools of all endpoints, as [pool.Pool.Reconfigure]
// does, and for the endpoints that are found later. Addresses, Detection and what else
// [Config] has stay.
func (b *Balancer[C]) Reconfigure(cfg pool.Config) error {
	if err := b.Accepts(cfg); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing {
		return b.errClosed()
	}
	b.follow(cfg)
	var errs []error
	for _, e := range b.endpoints() {
		errs = append(errs, e.pool.Reconfigure(*b.pool.Load()))
	}
	return errors.Join(errs...)
}

// follow keeps cfg for the pools, and what the Balancer needs of it.
func (b *Balancer[C]) follow(cfg pool.Config) {
	cfg = b.own(cfg)
	b.pool.Store(&cfg)
	if effective, err := cfg.Effective(); err == nil {
		b.places.Store(int64(effective.MaxSize * max(effective.MaxSharing, 1)))
		b.patience.Store(int64(effective.AcquireTimeout))
	}
}

// own returns cfg with the name and the observer of b.
func (b *Balancer[C]) own(cfg pool.Config) pool.Config {
	if cfg.Name == "" {
		cfg.Name = b.name
	}
	cfg.Observer = b.told
	return cfg
}
