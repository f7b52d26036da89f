// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"go/ast"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// remedy is how a fault of a configuration says what to write instead.
var remedy = regexp.MustCompile(`, want |[:,;] (or )?(correct|give|leave|make|name|pass|place|set|use|write) `)

// elsewhere are the faults whose remedy is in one of their arguments.
var elsewhere = []string{"Address %s", "Addresses: one %s", "Endpoints: %w", "Lanes: %w", "Pool: %w", "Each: %w", "Faults[%d]: %w", "TargetSharing is %d, %s", "MaxSharing is %d, %s", "ReplaceAfter is %v, %s"}

func TestEachFaultOfAConfigurationNamesItsRemedy(t *testing.T) {
	faults := 0
	for _, s := range sources(t) {
		if s.test || !slices.ContainsFunc(s.file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == strconv.Quote(module+"/"+fault) }) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			if fun, ok := call.Fun.(*ast.SelectorExpr); !ok || fun.Sel.Name != "Add" {
				return true
			}
			text, ok := call.Args[0].(*ast.BasicLit)
			if !ok {
				return true
			}
			format, err := strconv.Unquote(text.Value)
			if err != nil {
				return true
			}
			faults++
			if !remedy.MatchString(format) && !slices.Contains(elsewhere, format) {
				t.Errorf("%s:%d: %q does not say what to change", s.name, s.line(call.Pos()), format)
			}
			return true
		})
	}
	if faults < 30 {
		t.Errorf("found %d faults in the source, fewer than there are", faults)
	}
}
