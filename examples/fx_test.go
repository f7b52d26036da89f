// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The test of an example calls fx.ValidateApp with the options of its program.
func TestEachExampleWithFxHasItsGraphValidated(t *testing.T) {
	files, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	made, validated := map[string]bool{}, map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		made[filepath.Dir(file)] = made[filepath.Dir(file)] || strings.Contains(string(text), "fx.New(") && !strings.HasSuffix(file, "_test.go")
		validated[filepath.Dir(file)] = validated[filepath.Dir(file)] || strings.Contains(string(text), "fx.ValidateApp(")
	}
	var with []string
	for example, is := range made {
		if is {
			with = append(with, example)
		}
		if is && !validated[example] {
			t.Errorf("%s makes an fx application, and no test of it calls fx.ValidateApp", example)
		}
	}
	if !slices.Contains(with, "fx-app") {
		t.Errorf("the examples with fx are %q, want fx-app among them", with)
	}
}
