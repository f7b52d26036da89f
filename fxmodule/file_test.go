// SPDX-License-Identifier: Apache-2.0

package fxmodule_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/fxmodule/config"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/pool"
)

// yaml returns the name of a file with that text.
func yaml(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "penstock.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// both are two clients in a graph.
type both struct {
	fx.In
	Books *penstock.Client[*conn] `name:"books"`
	Words *penstock.Client[*conn] `name:"words"`
}

// booksAndWords are the clients "books" and "words" of one factory.
func booksAndWords(opts ...fxmodule.Option) fx.Option {
	var options []fx.Option
	for _, name := range []string{"books", "words"} {
		options = append(options,
			fxmodule.Client[*conn](append(opts, fxmodule.Named(name))...),
			fx.Provide(fx.Annotate(func() pool.Factory[*conn] { return &factory{name: name} }, fx.ResultTags(`name:"`+name+`"`))),
		)
	}
	return fx.Options(options...)
}

// What the file sets wins over the code, and what it does not set stays as the code has it.
func TestAFileConfiguresTheClientsOfAnApplication(t *testing.T) {
	t.Setenv("PENSTOCK_CLIENTS_WORDS_POOL_MAX_SIZE", "7")
	limit := &ratelimit.Config{Rate: 100, Burst: 50}
	cfg := penstock.Config{Chain: middleware.Config{
		OperationTimeout: time.Minute,
		Breaker:          breaker.Config{FailureThreshold: 9},
		RateLimit:        limit,
	}}
	var clients both
	var file *config.File
	app := fxtest.New(t,
		fxmodule.FromFile(yaml(t, "operation_timeout: 30s\nratelimit: {rate: 10}\nclients:\n  books: {pool: {max_size: 3}, retry: {disabled: true}}\n")),
		booksAndWords(fxmodule.Config(cfg), fxmodule.Without("timeout"), fxmodule.Start(fxmodule.StartLazy)),
		fx.Populate(&clients, &file),
	)
	app.RequireStart()
	defer app.RequireStop()
	books, words := clients.Books.Chain().Describe(), clients.Words.Chain().Describe()
	for _, row := range []struct {
		text, want string
		has        bool
	}{
		{books, "30s", true},
		{books, "1m", false},
		{books, "9 ", true}, // failures, of the code
		{books, "10 operations per second, 50 at once", true},
		{books, "retry", false},
		{words, "retry", true},
		{books, "timeout:", false},
	} {
		if strings.Contains(row.text, row.want) != row.has {
			t.Errorf("the chain has %q: %t, want %t\n%s", row.want, !row.has, row.has, row.text)
		}
	}
	if b, w := clients.Books.Pool().Stats().Max, clients.Words.Pool().Stats().Max; b != 3 || w != 7 {
		t.Errorf("the pools have %d and %d connections at most, want 3 and 7", b, w)
	}
	if limit.Rate != 100 || cfg.Chain.OperationTimeout != time.Minute {
		t.Errorf("the configuration of the code was changed: %+v", cfg.Chain)
	}
	if got := file.Clients(); len(got) != 2 || got[0] != "books" || got[1] != "words" {
		t.Errorf("Clients = %q, want those of the application", got)
	}
}

// redis is the section of a backend of the application's own.
type redis struct {
	Address string
	Pass    string `config:",secret"`
}

func TestTheBackendOfAnApplicationHasASection(t *testing.T) {
	var client *penstock.Client[*conn]
	app := fxtest.New(t,
		fxmodule.FromFile(yaml(t, "redis: {address: \"cache:6379\"}\npool: {max_size: 2}")),
		fxmodule.FileSection("redis", redis{}),
		fxmodule.Client[*conn](fxmodule.Start(fxmodule.StartLazy)),
		fx.Provide(func(f *config.File) (penstock.Backend[*conn], error) {
			c, err := f.Client("")
			if err != nil {
				return penstock.Backend[*conn]{}, err
			}
			section, err := config.Section[redis](c, "redis")
			return penstock.Backend[*conn]{
				Factory: &factory{name: section.Address},
				Pool:    pool.Config{Name: section.Address, Mode: pool.Shared},
			}, err
		}),
		fx.Populate(&client),
	)
	app.RequireStart()
	defer app.RequireStop()
	if s := client.Pool().Stats(); client.Name() != "cache:6379" || s.Max != 2 {
		t.Errorf("client %s with %d connections, want cache:6379 with 2", client.Name(), s.Max)
	}
}

func TestAWrongFileOfAnApplicationIsNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile("penstock.yaml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		file  string
		graph fx.Option
		want  string
	}{
		{"pool: {maxsize: 3}", fx.Options(), "config: penstock.yaml:1: unknown setting pool.maxsize: did you mean pool.max_size?"},
		{"clients: {boks: {}, words: {}}", fx.Options(), "config: penstock.yaml:1: clients.boks: the program has no such client: did you mean clients.books?"},
		{"redis: {address: 3}", fxmodule.FileSection("redis", redis{}), "config: penstock.yaml:1: redis.address is 3, want text, in quotes if it looks like anything else"},
		{"", fx.Options(fxmodule.FileSection("redis", redis{}), fxmodule.FileSection("redis", factory{})), `fxmodule: FileSection("redis") is there for two types: give one of them another name`},
		{"", fxmodule.FileSection("pool", redis{}), `config: no section can have the name "pool": give it lower-case letters, such as milvus, and no name of Penstock's own`},
	} {
		write(row.file)
		err := fxmodule.Explain(fx.New(fx.NopLogger, fxmodule.FromFile("penstock.yaml"), row.graph, booksAndWords(), fx.Invoke(func(both) {})).Err())
		if err == nil || err.Error() != row.want {
			t.Errorf("%q\n%v\nwant %s", row.file, err, row.want)
		}
	}
	write("clients: {a: {}}")
	for _, row := range []struct {
		graph fx.Option
		want  string
	}{
		{fx.Options(fxmodule.Client[*conn](), fx.Supply(fx.Annotate(&factory{}, fx.As(new(pool.Factory[*conn]))))), "its only client has no name: move the settings to the top of the file"},
		{booksAndWords(), "its clients are books and words"},
	} {
		err := fxmodule.Explain(fx.New(fx.NopLogger, fxmodule.FromFile("penstock.yaml"), row.graph).Err())
		if want := "config: penstock.yaml:1: clients.a: the program has no such client: " + row.want; err == nil || err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	missing := fxmodule.Explain(fx.New(fx.NopLogger, fxmodule.FromFile("nowhere.yaml"), booksAndWords()).Err())
	if want := "config: nowhere.yaml: file does not exist: create the file, or correct its name"; missing == nil || missing.Error() != want {
		t.Errorf("%v\nwant %s", missing, want)
	}
	second := fxmodule.Explain(fx.New(fx.NopLogger, fxmodule.FromFile("penstock.yaml"), fxmodule.FromFile("penstock.yaml"), booksAndWords()).Err())
	if want := "fxmodule: the application has two fxmodule.FromFile: leave out one of them"; second == nil || second.Error() != want {
		t.Errorf("%v\nwant %s", second, want)
	}
}
