// SPDX-License-Identifier: Apache-2.0

package fxadaptertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/fxmodule/config"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// write writes a file.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// yaml returns an option with a file of that text.
func yaml(t *testing.T, text string) fx.Option {
	t.Helper()
	name := filepath.Join(t.TempDir(), "penstock.yaml")
	write(t, name, text)
	return fxmodule.FromFile(name)
}

// both are two clients with names.
type both[Conn any] struct {
	fx.In
	Books *penstock.Client[Conn] `name:"books"`
	Words *penstock.Client[Conn] `name:"words"`
}

// booksAndWords is the two clients. They dial nothing at the start.
func (a Adapter[Conn, Config]) booksAndWords() fx.Option {
	lazy := fxmodule.Start(fxmodule.StartLazy)
	return fx.Options(a.Module(fxmodule.Named("books"), lazy), a.Module(fxmodule.Named("words"), lazy))
}

func (a Adapter[Conn, Config]) testFile(t *testing.T) {
	s := milvustest.Start(t)
	var clients both[Conn]
	app := fxtest.New(t,
		yaml(t, "milvus: {address: \""+s.Addr()+"\"}\nclients:\n  books: {milvus: {database: books}, pool: {max_size: 8}}\n"),
		a.booksAndWords(), fx.Populate(&clients),
	)
	app.RequireStart()
	defer app.RequireStop()
	if books, words := clients.Books.Pool(), clients.Words.Pool(); books.Stats().Max != 8 || words.Stats().Max != 4 || books.Name() != "books" || words.Name() != "words" {
		t.Errorf("%s with %d connections and %s with %d, want books with 8 and words with 4", books.Name(), books.Stats().Max, words.Name(), words.Stats().Max)
	}
	if err := a.version(t.Context(), clients.Words); err != nil {
		t.Errorf("words, which has the address at the top of the file: %v", err)
	}
	if err := a.version(t.Context(), clients.Books); err == nil || !strings.Contains(err.Error(), "books") {
		t.Errorf("books = %v, want the error for a database that the server does not have", err)
	}
}

func (a Adapter[Conn, Config]) testConfigBesideFile(t *testing.T) {
	for _, row := range []struct{ name, file, want string }{
		{"of settings of Milvus", "milvus: {database: books}", "FX: the client: the graph has a CONFIG, and penstock.yaml has settings in the section milvus: leave out one or the other"},
		{"of other settings", "pool: {max_size: 3}", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			write(t, "penstock.yaml", row.file)
			err := fxmodule.Explain(fx.New(fx.NopLogger, fxmodule.FromFile("penstock.yaml"), a.Module(), fx.Supply(a.With("localhost:1", ""))).Err())
			if want := a.text(row.want); err == nil && want != "" || err != nil && err.Error() != want {
				t.Errorf("%v\nwant %s", err, want)
			}
		})
	}
}

func (a Adapter[Conn, Config]) testReload(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "penstock.yaml", "milvus: {address: \"milvus.internal:19530\"}\npool: {max_size: 2}")
	var clients both[Conn]
	var watcher *config.Watcher
	app := fxtest.New(t, fxmodule.FromFile("penstock.yaml"), a.booksAndWords(), fx.Populate(&clients, &watcher))
	app.RequireStart()
	defer app.RequireStop()
	want := func(books, words int) {
		t.Helper()
		if b, w := clients.Books.Pool().Stats().Max, clients.Words.Pool().Stats().Max; b != books || w != words {
			t.Errorf("the clients have %d and %d connections, want %d and %d", b, w, books, words)
		}
	}
	want(2, 2)
	write(t, "penstock.yaml", "milvus: {address: \"milvus.internal:19530\"}\npool: {max_size: 2}\nclients: {books: {pool: {max_size: 5}}}")
	if err := watcher.Reload(t.Context(), "ann"); err != nil {
		t.Error(err)
	}
	want(5, 2)
	write(t, "penstock.yaml", "milvus: {address: \"other.internal:19530\"}\npool: {max_size: 3}")
	err := watcher.Reload(t.Context(), "ann")
	if part := "restart the program, or undo the change of clients.books.milvus.address: other.internal:19530"; err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("Reload = %v, want %s", err, part)
	}
	want(5, 2)
}

func (a Adapter[Conn, Config]) testFileWithFault(t *testing.T) {
	for _, row := range []struct{ file, want string }{
		{"milvus: {address: \"http://localhost\"}", `config: penstock.yaml:1: milvus.address "http://localhost" has a scheme: give host:port or dns:///host:port, and TLS for encryption`},
		{"milvus: {lanes: both}", "config: penstock.yaml:1: milvus.lanes is \"both\", want read_write: correct the text, or leave it out"},
		{"milvus: {adress: \"localhost:1\"}", "config: penstock.yaml:1: unknown setting milvus.adress: did you mean milvus.address?"},
	} {
		t.Chdir(t.TempDir())
		write(t, "penstock.yaml", row.file)
		err := fxmodule.Explain(fx.New(fx.NopLogger, fxmodule.FromFile("penstock.yaml"), a.Module()).Err())
		if err == nil || err.Error() != row.want {
			t.Errorf("%v\nwant %s", err, row.want)
		}
	}
}
