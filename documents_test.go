// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/middleware"
)

// documents returns the Markdown files of the repository by their paths.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if path.Ext(name) == ".md" {
			texts[name] = read(t, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// The index has one line for each note, in order: the title and the file.
func TestTheIndexOfDecisionsListsEachNote(t *testing.T) {
	notes, err := filepath.Glob("docs/decisions/[0-9]*.md")
	if err != nil || len(notes) == 0 {
		t.Fatalf("no notes: %v", err)
	}
	var want []string
	for i, note := range notes {
		title := regexp.MustCompile(`(?m)^# (.*)$`).FindStringSubmatch(read(t, note))
		if title == nil {
			t.Errorf("%s has no title", note)
			continue
		}
		want = append(want, "- ["+title[1]+"]("+filepath.Base(note)+")")
		number := strings.TrimLeft(filepath.Base(note)[:4], "0")
		if !strings.HasPrefix(title[1], number+". ") {
			t.Errorf("%s has the title %q, want one that begins with its number", note, title[1])
		}
		if i > 0 && filepath.Base(note)[:4] == filepath.Base(notes[i-1])[:4] {
			t.Errorf("%s and %s have one number", notes[i-1], note)
		}
	}
	var got []string
	for line := range strings.Lines(read(t, "docs/decisions/README.md")) {
		if strings.HasPrefix(line, "- ") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("docs/decisions/README.md lists\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

var (
	testName   = regexp.MustCompile("`(?:\\w+\\.)?(Test[A-Z]\\w+)`")
	testFunc   = regexp.MustCompile(`(?m)^func (Test[A-Z]\w+)\(`)
	makeTarget = regexp.MustCompile("(?m)(?:`|^    )make ([a-z-]+)")
)

func TestTestsThatTheDocumentsNameExist(t *testing.T) {
	tests := map[string]bool{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(name) == ".go" {
			for _, m := range testFunc.FindAllStringSubmatch(read(t, name), -1) {
				tests[m[1]] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for document, text := range documents(t) {
		for _, m := range testName.FindAllStringSubmatch(text, -1) {
			if named++; !tests[m[1]] {
				t.Errorf("%s names %s, which is not there", document, m[1])
			}
		}
	}
	if named == 0 {
		t.Error("no document names a test")
	}
}

func TestTargetsThatTheDocumentsNameExist(t *testing.T) {
	makefile := read(t, "Makefile")
	named := 0
	for document, text := range documents(t) {
		for _, m := range makeTarget.FindAllStringSubmatch(text, -1) {
			if named++; !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s names make %s, which is no target", document, m[1])
			}
		}
	}
	if named == 0 {
		t.Error("no document names a target")
	}
}

func TestTheREADMEListsEachDocument(t *testing.T) {
	_, list, ok := strings.Cut(read(t, "README.md"), "\n## Where to read on\n")
	documents, err := filepath.Glob("docs/*.md")
	if !ok || err != nil || len(documents) == 0 {
		t.Fatalf("no list, or no documents: %v", err)
	}
	for _, document := range documents {
		if !strings.Contains(list, "["+document+"]("+document+")") {
			t.Errorf("the README's list leaves out %s", document)
		}
	}
}

func TestTheDocumentsHaveTheDefaultOrder(t *testing.T) {
	order := middleware.DefaultOrder()
	for document, want := range map[string]string{
		"docs/configuration.md": "The default order is `" + strings.Join(order, "`, `") + "`;",
		"docs/chain.md":         "    " + strings.Join(order, " > ") + " > [acquire > work]",
	} {
		if !strings.Contains(strings.Join(strings.Fields(read(t, document)), " "), strings.TrimSpace(want)) {
			t.Errorf("%s does not say %q", document, want)
		}
	}
}

var (
	link   = regexp.MustCompile(`\]\(([^)\s#]+)(#[^)\s]*)?\)`)
	inCode = regexp.MustCompile("(?s)```.*?```|`[^`]*`") // what is no link
)

func TestLinksOfTheDocumentsLeadToFiles(t *testing.T) {
	links := 0
	for document, text := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(inCode.ReplaceAllString(text, "x"), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), m[1])); err != nil {
				t.Errorf("%s links %s, which is not there", document, m[1])
			}
		}
	}
	if links == 0 {
		t.Error("no document has a link")
	}
}
