// SPDX-License-Identifier: Apache-2.0

// Package penstock is a middleware framework for services that call a remote
// backend through pooled connections.
package penstock
