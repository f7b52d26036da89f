// SPDX-License-Identifier: Apache-2.0

package page_test

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/fxmodule/admin/page"
)

// vendored is the folder of the library, whose files are not ours.
const vendored = "uplot/"

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := fs.ReadFile(page.FS(), name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// each calls fn with the name and the text of every file of ours.
func each(t *testing.T, fn func(name, text string)) {
	t.Helper()
	err := fs.WalkDir(page.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(name, vendored) {
			return err
		}
		fn(name, read(t, name))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryFileThatIsReferredToIsThere(t *testing.T) {
	refer := regexp.MustCompile(`(?:src|href)="([^"#]+)"|from '\./([^']+)'`)
	seen := map[string]bool{"index.html": true}
	each(t, func(name, text string) {
		for _, m := range refer.FindAllStringSubmatch(text, -1) {
			file := path.Clean(m[1] + m[2])
			seen[file] = true
			if _, err := fs.Stat(page.FS(), file); err != nil {
				t.Errorf("%s refers to %s, which is not there", name, file)
			}
		}
	})
	each(t, func(name, _ string) {
		if !seen[name] {
			t.Errorf("nothing refers to %s", name)
		}
	})
}

// The Content-Security-Policy of the page forbids what this test looks for.
func TestThePageHasNothingInlineAndNothingFromElsewhere(t *testing.T) {
	for _, forbidden := range []*regexp.Regexp{
		regexp.MustCompile(`(?i)<style|\sstyle=|<script>|\son[a-z]+="`),
		regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function`),
		regexp.MustCompile(`https?://[a-z]|@import|localStorage|sessionStorage|document\.cookie`),
	} {
		each(t, func(name, text string) {
			text = strings.ReplaceAll(text, "http://www.w3.org/2000/svg", "") // a name, not an address
			if found := forbidden.FindString(text); found != "" {
				t.Errorf("%s has %q", name, found)
			}
		})
	}
}

func TestTheLibraryKeepsItsLicense(t *testing.T) {
	if license := read(t, vendored+"LICENSE"); !strings.Contains(license, "The MIT License") || !strings.Contains(license, "Leon Sorokin") {
		t.Error("uplot/LICENSE is not uPlot's")
	}
	version := regexp.MustCompile(`\(v([0-9.]+)\)`).FindStringSubmatch(read(t, vendored+"uPlot.iife.min.js"))
	if version == nil || !strings.Contains(read(t, vendored+"README.md"), "uPlot "+version[1]+"\n") {
		t.Errorf("uplot/README.md does not name the version of uPlot.iife.min.js, %v", version)
	}
}

func TestEveryFileIsAtMost400Lines(t *testing.T) {
	each(t, func(name, text string) {
		if n := strings.Count(text, "\n"); n > 400 {
			t.Errorf("%s has %d lines, want at most 400", name, n)
		}
	})
}
