// SPDX-License-Identifier: Apache-2.0

// Package page holds the files of the live page. They are served as they are: there is no
// build step, and the page asks nothing of any other address. The figures come from the
// endpoints of package admin, at addresses relative to the page.
package page

import (
	"embed"
	"io/fs"
)

//go:embed index.html *.css *.js icon.svg uplot
var files embed.FS

// FS returns the files of the page. The page itself is index.html. Every script and every style
// is a file, so a Content-Security-Policy of "default-src 'self'" is enough.
func FS() fs.FS { return files }
