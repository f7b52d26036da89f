// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"net/http"

	"github.com/penstock-go/penstock/fxmodule/admin/page"
)

// files serves the page.
func files() http.Handler { return http.FileServerFS(page.FS()) }
