// SPDX-License-Identifier: Apache-2.0

//go:build !race

package fxmodule_test

const underRace = false
