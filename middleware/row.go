// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/stage"
)

// own is what the table of stages says of a stage whose configuration is a C.
type own[C configuration[C]] struct {
	// name is the name of the stage.
	name string
	// field returns the field of Config that configures the stage. A stage that
	// is in the chain only on request has pointer in place of field, to a field
	// that is nil until then.
	field   func(*Config) *C
	pointer func(*Config) **C
	// disabled returns the field that switches the stage off.
	disabled func(*C) *bool
	// label returns the field for the stage's name in telemetry and errors. If
	// that field is empty, it becomes the backend's name and the suffix. Nil if the
	// stage has no such field.
	label  func(*C) *string
	suffix string
	// build makes the stage, and notes in the chain what users may ask for.
	build func(C, *Chain) (core.Middleware, error)
	// again does the same with the stage that the chain has kept. apply puts the
	// configuration in force. m is nil if the chain has kept none. Nil if the stage has no
	// state, and is built anew.
	again func(C, *Chain) (m core.Middleware, apply func() error)
}

// configuration is the configuration of a stage, which speaks for the stage.
type configuration[C any] interface {
	settings
	// Effective returns the configuration in force, or an error that names all
	// that is wrong.
	Effective() (C, error)
}

// settings are the configuration in force of a stage. A stage that makes
// operations last longer also has Cost() stage.Cost.
type settings interface {
	// Describe returns the stage's line for [Chain.Describe].
	Describe(stage.Around) string
	// Warnings says what is doubtful about the settings in the chain around them.
	Warnings(stage.Around) []string
}

// row is an own, whatever the type of the configuration.
type row interface {
	// stage returns the name of the stage.
	stage() string
	// wanted reports whether the stage is configured and not switched off.
	wanted(*Config) bool
	// leaveOut switches the stage off, also if it is not configured: package
	// penstock adds a health stage where there is none.
	leaveOut(*Config)
	// detach gives cfg a copy of its own of the stage's configuration.
	detach(cfg *Config)
	// labelled gives the stage the backend's name, unless it has its own.
	labelled(*Config)
	// make builds the stage, or takes the one that the chain has kept, and returns the
	// configuration in force once apply was called.
	make(*Config, *Chain) (m core.Middleware, s settings, apply func() error, err error)
}

// at returns the stage's configuration in cfg, nil if there is none.
func (o own[C]) at(cfg *Config) *C {
	if o.pointer != nil {
		return *o.pointer(cfg)
	}
	return o.field(cfg)
}

func (o own[C]) stage() string { return o.name }

func (o own[C]) wanted(cfg *Config) bool {
	c := o.at(cfg)
	return c != nil && !*o.disabled(c)
}

func (o own[C]) leaveOut(cfg *Config) { *o.disabled(o.present(cfg)) = true }

func (o own[C]) detach(cfg *Config) {
	if c := o.at(cfg); c != nil && o.pointer != nil {
		detached := *c
		*o.pointer(cfg) = &detached
	}
}

func (o own[C]) labelled(cfg *Config) {
	c := o.at(cfg)
	if c == nil || o.label == nil || cfg.Name == "" {
		return
	}
	if label := o.label(c); *label == "" {
		*label = cfg.Name + o.suffix
	}
}

func (o own[C]) make(cfg *Config, chain *Chain) (core.Middleware, settings, func() error, error) {
	inForce, err := (*o.at(cfg)).Effective()
	if err != nil {
		return nil, nil, nil, err
	}
	*o.at(cfg) = inForce
	if o.label != nil {
		if err := chain.kept.sameLabel(o.name, *o.label(&inForce)); err != nil {
			return nil, nil, nil, err
		}
	}
	if o.again != nil {
		if m, apply := o.again(inForce, chain); m != nil {
			return m, inForce, apply, nil
		}
	}
	m, err := o.build(inForce, chain)
	return m, inForce, nil, err
}

// present returns the stage's configuration in cfg, after adding one if there is
// none.
func (o own[C]) present(cfg *Config) *C {
	if o.pointer != nil && *o.pointer(cfg) == nil {
		*o.pointer(cfg) = new(C)
	}
	return o.at(cfg)
}
