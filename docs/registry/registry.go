// SPDX-License-Identifier: Apache-2.0

// Package registry has the contract of Penstock's telemetry as data: the definition
// of each span, event, metric and attribute, in the format of OpenTelemetry Weaver.
// README.md in this folder tells the format. Package otelxtest checks telemetry
// against it.
package registry

import (
	"embed"
	"io/fs"
)

//go:embed *.yaml
var files embed.FS

// Files returns the files of the registry: manifest.yaml and the definitions beside
// it.
func Files() fs.FS { return files }
