// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"io"
	"net/http"
)

// files serves the page.
func files() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "The state of the clients is at /snapshot.json, and as a stream at /events.\n")
	})
}
