// SPDX-License-Identifier: Apache-2.0

package admin

import "net/http"

// NewServer returns the server that Listen makes.
func (a *Admin) NewServer() *http.Server { return a.newServer() }
