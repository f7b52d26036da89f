// SPDX-License-Identifier: Apache-2.0

package milvusfx_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/fxmodule/milvusfx"
	"github.com/penstock-go/penstock/pool/milvus"
)

// yaml returns an option with a file of that text.
func yaml(t *testing.T, text string) fx.Option {
	t.Helper()
	name := filepath.Join(t.TempDir(), "penstock.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return fxmodule.FromFile(name)
}

// both are two clients in a graph.
type both struct {
	fx.In
	Books *penstock.Client[*milvus.Conn] `name:"books"`
	Words *penstock.Client[*milvus.Conn] `name:"words"`
}

func TestAFileSaysWhichServersToConnectTo(t *testing.T) {
	var clients both
	lazy := fxmodule.Start(fxmodule.StartLazy)
	app := fxtest.New(t,
		yaml(t, "milvus: {address: \"milvus.internal:19530\"}\nclients:\n  books: {milvus: {database: books}, pool: {max_size: 8}}\n"),
		milvusfx.Module(fxmodule.Named("books"), lazy), milvusfx.Module(fxmodule.Named("words"), lazy),
		fx.Populate(&clients),
	)
	app.RequireStart()
	defer app.RequireStop()
	if books, words := clients.Books.Pool(), clients.Words.Pool(); books.Stats().Max != 8 || words.Stats().Max != 4 || books.Name() != "books" || words.Name() != "words" {
		t.Errorf("%s with %d connections and %s with %d, want books with 8 and words with 4", books.Name(), books.Stats().Max, words.Name(), words.Stats().Max)
	}
}

func TestAConfigurationBesideAFile(t *testing.T) {
	for _, row := range []struct{ name, file, want string }{
		{"of settings of Milvus", "milvus: {database: books}", "milvusfx: the client: the graph has a milvus.Config, and FILE has settings in the section milvus: leave out one or the other"},
		{"of other settings", "pool: {max_size: 3}", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile("FILE", []byte(row.file), 0o600); err != nil {
				t.Fatal(err)
			}
			err := fxmodule.Explain(fx.New(fx.NopLogger, fxmodule.FromFile("FILE"), milvusfx.Module(), fx.Supply(milvus.Config{Address: "localhost:1"})).Err())
			if err == nil && row.want != "" || err != nil && err.Error() != row.want {
				t.Errorf("%v\nwant %s", err, row.want)
			}
		})
	}
}
