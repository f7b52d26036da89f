// SPDX-License-Identifier: Apache-2.0

package breaker

import "time"

// What the windows of a breaker are made of.

type Ring ring

func NewRing(size int) *Ring { return (*Ring)(newRing(size)) }

func (r *Ring) Add(bad bool)            { (*ring)(r).add(0, bad) }
func (r *Ring) Sums() (all, bad int)    { return (*ring)(r).sums(0) }
func (r *Ring) Without(n int) (bad int) { return (*ring)(r).without(n) }

type Slices slices

func NewSlices(step time.Duration) *Slices { return &Slices{step: step} }

func (s *Slices) Add(now time.Duration, bad bool)       { (*slices)(s).add(now, bad) }
func (s *Slices) Sums(now time.Duration) (all, bad int) { return (*slices)(s).sums(now) }
