// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule/config"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
)

// cache is the section of a backend of one's own.
type cache struct {
	Address  string
	Port     uint16
	Weights  []float64
	Password string `config:",secret"`
	Buffer   int32  `config:",size"`
}

var two = map[string]any{"milvus": milvus.Settings{}, "redis": cache{}}

// wrongFiles have all that the user reads, a fault a line. FILE stands for the name of the
// file.
var wrongFiles = []struct {
	file string
	want []string
}{
	{"pol: {max_size: 3}", []string{
		"FILE:1: unknown setting pol.max_size: did you mean pool.max_size?",
	}},
	{"adress: localhost:1", []string{
		"FILE:1: unknown setting adress: did you mean milvus.address or redis.address?",
	}},
	{"pool: {maxsize: 3}", []string{
		"FILE:1: unknown setting pool.maxsize: did you mean pool.max_size?",
	}},
	{"breakers:\n  failure_threshold: 3\n  recovery_timeout: 3s", []string{
		"FILE:1: unknown section breakers: did you mean breaker?",
	}},
	{"max_size: 3", []string{
		"FILE:1: unknown setting max_size: did you mean pool.max_size?",
	}},
	{"address: localhost:1", []string{
		"FILE:1: unknown setting address: did you mean milvus.address or redis.address?",
	}},
	{"kafka:\n  brokers: [a]\n  topic: b", []string{
		"FILE:1: unknown section kafka: the sections of backends that the program reads are milvus and redis",
	}},
	{"timeout: 3s", []string{
		"FILE:1: timeout is a section: write its settings below it, such as attempt",
	}},
	{"health: [a]", []string{
		"FILE:1: health is a section: write its settings below it, such as interval",
	}},
	{"pool: {max_size: many}", []string{
		`FILE:1: pool.max_size is "many", want a whole number`,
	}},
	{"pool: {max_size: 3.5}", []string{
		"FILE:1: pool.max_size is 3.5, want a whole number",
	}},
	{"pool: {max_size: {a: 3}}", []string{
		"FILE:1: pool.max_size is a section, want a whole number",
	}},
	{"pool: {max_size: 0}", []string{
		"FILE:1: pool.max_size is 0, want more than 0: leave it out for the default",
	}},
	{"pool: {max_size: 99999999999999999999}", []string{
		"FILE:1: pool.max_size is 99999999999999999999, want a whole number",
	}},
	{"retry: {interval: 3}", []string{
		"FILE:1: retry.interval is 3, want a duration with its unit, such as 500ms or 3s",
	}},
	{"retry: {interval: 3 seconds}", []string{
		`FILE:1: retry.interval is "3 seconds", want a duration with its unit, such as 500ms or 3s`,
	}},
	{"retry: {interval: -3s}", []string{
		"FILE:1: retry.interval is -3s, want more than 0: leave it out for the default",
	}},
	{"retry: {jitter: much}", []string{
		`FILE:1: retry.jitter: "much" is no retry.Jitter, want full, equal or none`,
	}},
	{"breaker: {count_attempts: 1}", []string{
		"FILE:1: breaker.count_attempts is 1, want true or false",
	}},
	{"breaker: {count_attempts: yes}", []string{
		`FILE:1: breaker.count_attempts is "yes", want true or false`,
	}},
	{"ratelimit: {rate: fast}", []string{
		`FILE:1: ratelimit.rate is "fast", want a number`,
	}},
	{"ratelimit: {rate: .inf}", []string{
		"FILE:1: ratelimit.rate is .inf, want a number",
	}},
	{"ratelimit: {burst: 3}", []string{
		"FILE:1: ratelimit.rate is 0, want above 0 and up to 1e+09",
	}},
	{"order: trace", []string{
		`FILE:1: order is "trace", want a list of names`,
	}},
	{"order: [trace, breaker, retires, timeout, health]", []string{
		`FILE:1: the order names stage "retires", and there is no such stage: did you mean "retry"?`,
	}},
	{"milvus: {address: 17}", []string{
		"FILE:1: milvus.address is 17, want text, in quotes if it looks like anything else",
	}},
	{"milvus: {address: localhost}", []string{
		`FILE:1: milvus.address "localhost" is not host:port: give both, such as localhost:19530`,
	}},
	{"milvus: {address: \"root:hunter2@localhost:19530\"}", []string{
		"FILE:1: milvus.address has user information in it: use milvus.username and milvus.password",
	}},
	{"milvus: {password: 12345}", []string{
		"FILE:1: milvus.password is not valid, want text: put it in quotes",
	}},
	{"milvus: {password: secret}", []string{
		"FILE:1: milvus.password is set without milvus.username: set both, or milvus.api_key",
	}},
	{"milvus: {username: a, password: b, password_file: c}", []string{
		"FILE:1: milvus.password_file and milvus.password are both set: leave one out",
	}},
	{"milvus: {username: a, password_file: nowhere.txt}", []string{
		"FILE:1: milvus.password_file: open nowhere.txt: no such file or directory: correct the file or its name",
	}},
	{"milvus: {tls: {ca_file: ca.pem}}", []string{
		"FILE:1: milvus.tls.enabled is not true, and there are other settings for TLS: set it, or leave them out",
	}},
	{"milvus: {tls: {enabled: true, ca_file: nowhere.pem}}", []string{
		"FILE:1: TLSFiles.CA (milvus.tls.ca_file): open nowhere.pem: no such file or directory: correct the file or its name",
	}},
	{"milvus: {tls: {enabled: true, cert_file: nowhere.pem}}", []string{
		"FILE:1: Cert and Key (milvus.tls.cert_file and milvus.tls.key_file) need each other: set both, or none",
	}},
	{"milvus: {lanes: three}", []string{
		`FILE:1: milvus.lanes is "three", want read_write: correct the text, or leave it out`,
	}},
	{"milvus: {address: \"a:1\", addresses: [\"b:1\"]}", []string{
		"FILE:1: milvus.address and milvus.addresses are both set: leave one out",
	}},
	{"milvus: {endpoints: {failure_rate: 2}}", []string{
		"FILE:1: milvus.endpoints.failure_rate is 2, want 0 (the default, 0.5) to 1",
	}},
	{"redis: {port: 70000}", []string{
		"FILE:1: redis.port is 70000, want a smaller number",
	}},
	{"redis: {buffer: 9GiB}", []string{
		`FILE:1: redis.buffer is "9GiB", want a smaller number`,
	}},
	{"redis: {buffer: big}", []string{
		`FILE:1: redis.buffer is "big", want a number of bytes, such as 64MiB`,
	}},
	{"redis: {weights: [1, two]}", []string{
		"FILE:1: redis.weights is a list, want a list of numbers",
	}},
	{"redis: {password: [a]}", []string{
		"FILE:1: redis.password is a list, want text, in quotes if it looks like anything else",
	}},
	{"redis: {password_file: .}", []string{
		"FILE:1: redis.password_file: .: it is a directory: name a file",
	}},
	{"operation_timeout: 1s\ntimeout:\n  attempt: 2s", []string{
		"FILE:3: timeout.attempt 2s is not below operation_timeout 1s: an attempt would never end by it; set a lower one, or leave it out",
	}},
	{"pool:\n  min_size: 9\nmilvus: {}", []string{
		"FILE:2: pool.min_size 9 exceeds pool.max_size 4 (the default): set a lower pool.min_size, or a higher pool.max_size",
	}},
	{"retry: {interval: 30s}", []string{
		"FILE:1: retry.interval 30s is above retry.max_interval 20s: set a lower retry.interval, or a higher retry.max_interval",
	}},
	{"bulkhead: {max_concurrent: 1, max_wait: 1s}", []string{
		"FILE:1: bulkhead.max_wait is 1s, but bulkhead.max_waiting lets no operation wait: set bulkhead.max_waiting, or leave bulkhead.max_wait out",
	}},
	{"breaker: {slow_call_rate: 2}", []string{
		"FILE:1: breaker.slow_call_rate is 2, want 0 to 1",
	}},
	{"keyed_breaker: {each: {disabled: true}}", []string{
		"FILE:1: unknown setting keyed_breaker.each.disabled: did you mean keyed_breaker.disabled?",
	}},
	{"keyed_breaker: {each: {failure_rate: 2}}", []string{
		"FILE:1: keyed_breaker.each.failure_rate is 2, want 0 to 1",
	}},
	{"pool:\n  max_size: 3\n  max_size: 4\n", []string{
		"FILE:3: pool.max_size is there already, in line 2: keep one of the two",
	}},
	{"pool: {max_size: 3}\nretry: {max_retries: 2}\npool: {min_size: 1}", []string{
		"FILE:3: pool is there already, in line 1: keep one of the two",
	}},
	{"pool: &p {max_size: 3}\nclients:\n  a: {pool: *p}", []string{
		"FILE:3: clients.a.pool is an alias (*): write the value itself; what clients share stands once, at the top of the file",
	}},
	{"pool: {max_size: 3}\nclients:\n  a:\n    <<: {pool: {max_size: 3}}", []string{
		"FILE:4: a key is no text: write name: value; what clients share stands once, at the top of the file",
	}},
	{"- a\n- b\n", []string{
		"FILE:1: there is no setting: write lines such as max_async: 500",
	}},
	{"just text", []string{
		"FILE:1: there is no setting: write lines such as max_async: 500",
	}},
	{"pool:\n\tmax_size: 3\n", []string{
		"FILE:2: a tab indents the line: YAML wants spaces",
	}},
	{"pool: {max_size: 3", []string{
		"FILE:1: not YAML: check this line and the one before it for a quote, a bracket or a colon that is missing",
	}},
	{"a: b\n c: d", []string{
		"FILE:2: not YAML: correct the indentation, or put the text in quotes",
	}},
	{"retry: {interval: \"1s}", []string{
		"FILE:1: not YAML: check this line and the one before it for a quote, a bracket or a colon that is missing",
	}},
	{"---\npool: {max_size: 3}\n---\nretry: {max_retries: 2}\n", []string{
		"FILE:3: a second YAML document begins: put all settings into one",
	}},
	{"\x00\x01\x02binary", []string{
		"FILE:1: the file is not text in UTF-8: is it the right file?",
	}},
	{"\x89PNG\r\n\x1a\n", []string{
		"FILE:1: the file is not text in UTF-8: is it the right file?",
	}},
	{"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\ndata:\n  penstock.yaml: x", []string{
		"FILE:1: unknown setting apiVersion: docs/configuration.md lists all settings",
		"FILE:2: unknown setting kind: docs/configuration.md lists all settings",
		"FILE:4: unknown setting metadata.name: docs/configuration.md lists all settings",
		"FILE:6: unknown setting data.FILE: docs/configuration.md lists all settings",
	}},
	{"{\"pool\": {\"max_size\": \"3\"}}", []string{
		`FILE:1: pool.max_size is "3", want a whole number`,
	}},
	{"clients: [a, b]", []string{
		"FILE:1: clients is a section: write the name of each client below it, and its settings below the name",
	}},
	{"clients:\n  books: {pool: {max_size: 3}}\n  books: {pool: {max_size: 4}}", []string{
		"FILE:3: clients.books is there already, in line 2: keep one of the two",
	}},
	{"clients:\n  my-books: {}\n  my_books: {}", []string{
		"FILE:3: clients.my-books and clients.my_books have the same variables: rename one",
	}},
	{"clients:\n  my books: {}", []string{
		"FILE:2: clients.(a key that is no name): a client's name has letters, digits, - and _, and begins with a letter",
	}},
	{"clients:\n  books: 3", []string{
		"FILE:2: clients.books is a section: write its settings below it, such as max_async",
	}},
	{"clients:\n  books:\n    clients: {a: {}}", []string{
		"FILE:3: clients.books.clients: a client has no clients: move them up, beside books",
	}},
	{"clients:\n  books: {milvus: {}, redis: {}}", []string{
		"FILE:2: clients.books has the sections milvus and redis, and a client has one backend: leave one out",
	}},
	{"clients:\n  a: {pool: {max_size: x}}\n  b: {pool: {min_size: 9, max_size: 2}, milvus: {}}\npool: {max_waiters: x}", []string{
		`FILE:2: clients.a.pool.max_size is "x", want a whole number`,
		"FILE:3: clients.b: pool.min_size 9 exceeds pool.max_size 2: set a lower pool.min_size, or a higher pool.max_size",
		`FILE:4: pool.max_waiters is "x", want a whole number`,
	}},
	{"client:\n  books: {pool: {max_size: 3}}\n  words: {}", []string{
		"FILE:1: unknown section client: did you mean clients?",
	}},
	{"a: &a [x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\n", []string{
		"FILE:1: unknown setting a: docs/configuration.md lists all settings",
		"FILE:2: unknown setting b: docs/configuration.md lists all settings",
		"FILE:3: unknown setting c: docs/configuration.md lists all settings",
	}},
}

func TestWhatIsWrongInAFileIsNamedAtOnceAndOnce(t *testing.T) {
	if len(wrongFiles) < 40 {
		t.Errorf("%d wrong files, want 40", len(wrongFiles))
	}
	t.Chdir(t.TempDir())
	for _, row := range wrongFiles {
		if err := os.WriteFile("penstock.yaml", []byte(row.file), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := config.Load("penstock.yaml", config.Options{Sections: two})
		want := strings.ReplaceAll("config: "+strings.Join(row.want, "\n"), "FILE", "penstock.yaml")
		if err == nil || err.Error() != want {
			t.Errorf("%q\nLoad = %v\nwant   %s", row.file, err, want)
		}
		// Two lines of a terminal, or of a page.
		for _, line := range row.want {
			if len(line) > 240 {
				t.Errorf("%q: %d letters are more than two lines: %s", row.file, len(line), line)
			}
		}
	}
}

// The code of a program may have stages of its own, and its backend no Ping.
func TestAnOrderMayNameStagesOfTheProgram(t *testing.T) {
	f, err := config.Load(file(t, "order: [audit, retry, breaker, timeout]"), config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Client("")
	if err != nil {
		t.Fatal(err)
	}
	if _, client := c.Settings(); !slices.Equal(client.Chain.Order, []string{"audit", "retry", "breaker", "timeout"}) {
		t.Errorf("the order is %q, want that of the file", client.Chain.Order)
	}
}

func TestWhatIsWrongInTheEnvironmentIsNamedAtOnceAndOnce(t *testing.T) {
	for _, row := range []struct {
		name, file string
		env        map[string]string
		want       []string
	}{
		{"unknown variables", "# none", map[string]string{"POOL_MAXSIZE": "3", "POOL_SIZE": "3", "SERVICE": "x", "PORT": "19530"}, []string{
			"unknown variable PENSTOCK_POOL_MAXSIZE: did you mean PENSTOCK_POOL_MAX_SIZE?",
			"unknown variable PENSTOCK_POOL_SIZE: did you mean PENSTOCK_POOL_MAX_SIZE or PENSTOCK_POOL_MIN_SIZE?",
			"unknown variable PENSTOCK_PORT: did you mean PENSTOCK_REDIS_PORT?",
			"unknown variable PENSTOCK_SERVICE: docs/configuration.md lists all settings",
		}},
		{"values", "# none", map[string]string{
			"POOL_MAX_SIZE": "many", "BREAKER_COUNT_ATTEMPTS": "maybe", "HEALTH_INTERVAL": "3", "RETRY_JITTER": "FULL",
			"OPERATION_TIMEOUT": "-3s", "REDIS_WEIGHTS": "1, x", "REDIS_PORT": "-1", "RETRY_MAX_RETRIES": "0", "RATELIMIT_RATE": "fast",
		}, []string{
			`PENSTOCK_BREAKER_COUNT_ATTEMPTS is "maybe", want true or false`,
			"PENSTOCK_HEALTH_INTERVAL is \"3\", want a duration with its unit, such as 500ms or 3s",
			"PENSTOCK_OPERATION_TIMEOUT is -3s, want more than 0: leave it out for the default",
			`PENSTOCK_POOL_MAX_SIZE is "many", want a whole number`,
			`PENSTOCK_RATELIMIT_RATE is "fast", want a number`,
			"PENSTOCK_REDIS_PORT is -1, want more than 0: leave it out for the default",
			"PENSTOCK_REDIS_WEIGHTS is a list, want a list of numbers",
			`PENSTOCK_RETRY_JITTER: "FULL" is no retry.Jitter, want full, equal or none`,
			"PENSTOCK_RETRY_MAX_RETRIES is 0, want more than 0: leave it out for the default",
		}},
		{"a client", "clients: {books: {milvus: {}}}", map[string]string{"CLIENTS_BOKS_POOL_MAX_SIZE": "3", "CLIENTS_BOOKS_POOL_MIN_SIZE": "9", "MILVUS_PASSWORD": "secret"}, []string{
			"unknown variable PENSTOCK_CLIENTS_BOKS_POOL_MAX_SIZE: did you mean PENSTOCK_CLIENTS_BOOKS_POOL_MAX_SIZE?",
			"PENSTOCK_MILVUS_PASSWORD: clients.books: milvus.password is set without milvus.username: set both, or milvus.api_key",
			"PENSTOCK_CLIENTS_BOOKS_POOL_MIN_SIZE: clients.books: pool.min_size 9 exceeds pool.max_size 4 (the default): set a lower pool.min_size, or a higher pool.max_size",
		}},
		{"a secret twice", "# none", map[string]string{"MILVUS_PASSWORD": "a", "MILVUS_PASSWORD_FILE": "b", "MILVUS_USERNAME": "c"}, []string{
			"PENSTOCK_MILVUS_PASSWORD_FILE and PENSTOCK_MILVUS_PASSWORD are both set: leave one out",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			for name, value := range row.env {
				t.Setenv("PENSTOCK_"+name, value)
			}
			_, err := config.Load(file(t, row.file), config.Options{Sections: two})
			if want := "config: " + strings.Join(row.want, "\n"); err == nil || err.Error() != want {
				t.Errorf("Load = %v\nwant %s", err, want)
			}
		})
	}
}

// A file of another kind may have a megabyte of names that nobody knows.
func TestAFileOfAnotherKindIsNotComparedWordByWord(t *testing.T) {
	all, err := config.Settings(config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var words strings.Builder
	for i := range 4 * config.ManyFaults {
		fmt.Fprintf(&words, "word%d: 1\n", i)
	}
	for text, most := range map[string]int{
		words.String():                                   config.ManyFaults * 4 * (len(all) + 1),
		strings.Repeat("x", 100_000) + ": 1":             0,
		"clients: {" + strings.Repeat("x", 1000) + ": }": 0,
	} {
		n := config.CountDistances(t)
		_, err := config.Load(file(t, text), config.Options{Clients: []string{"docs"}})
		if err == nil || *n > most {
			t.Errorf("Load of %d bytes = %v after %d comparisons, want an error after %d at most", len(text), err, *n, most)
		}
	}
}

// fragile is a setting of a type of the user's that panics.
type fragile string

func (f *fragile) UnmarshalText(text []byte) error {
	if string(text) == "bad" {
		panic("boom")
	}
	*f = fragile(text)
	return nil
}

type fragileSection struct {
	Mode   fragile
	Secret fragile `config:",secret"`
	Size   string
}

func (s fragileSection) Check(pool.Config, penstock.Config) error {
	if s.Size == "bad" {
		panic("boom")
	}
	return nil
}

func TestAPanicInASectionIsAFaultOfTheFile(t *testing.T) {
	for text, want := range map[string]string{
		"own: {mode: bad}":   "FILE:1: own.mode: UnmarshalText panicked: boom",
		"own: {secret: bad}": "FILE:1: own.secret is not valid, want another text",
		"own: {size: bad}":   "Check of the section own panicked: boom",
	} {
		name := file(t, text)
		_, err := config.Load(name, config.Options{Sections: map[string]any{"own": fragileSection{}}})
		if want := "config: " + strings.ReplaceAll(want, "FILE", name); err == nil || err.Error() != want {
			t.Errorf("Load = %v, want %s", err, want)
		}
	}
}
