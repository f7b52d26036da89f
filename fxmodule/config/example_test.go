// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule/config"
	"github.com/penstock-go/penstock/pool/milvus"
)

const twoClients = `
operation_timeout: 30s
milvus:
  address: milvus.internal:19530
clients:
  books:
    milvus: {database: books}
    pool: {max_size: 8}
  words:
    milvus: {database: words}
`

// open returns the client "books" of a file.
func open(name string) (*penstock.Client[*milvus.Conn], error) {
	file, err := config.Load(name, config.Options{Sections: map[string]any{"milvus": milvus.Settings{}}})
	if err != nil {
		return nil, err
	}
	books, err := file.Client("books")
	if err != nil {
		return nil, err
	}
	server, err := config.Section[milvus.Settings](books, "milvus")
	if err != nil {
		return nil, err
	}
	pool, settings := books.Settings()
	backend, err := server.Config(pool).Backend()
	if err != nil {
		return nil, err
	}
	return penstock.New(backend, settings)
}

func ExampleLoad() {
	dir, err := os.MkdirTemp("", "penstock")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "penstock.yaml")
	if err := os.WriteFile(name, []byte(twoClients), 0o600); err != nil {
		log.Fatal(err)
	}
	os.Setenv("PENSTOCK_CLIENTS_BOOKS_POOL_MAX_SIZE", "16")
	defer os.Unsetenv("PENSTOCK_CLIENTS_BOOKS_POOL_MAX_SIZE")

	client, err := open(name)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(context.Background())
	fmt.Println(client.Pool().Name(), client.Pool().Stats().Max)
	// Output: milvus.internal:19530/books 16
}

// Redis is the section of a backend of one's own.
type Redis struct {
	Address  string
	Password string `config:",secret"`
	Database int    `config:",any"`
	Buffer   int    `config:"buffer,size"`
	Idle     time.Duration
}

func ExampleSection() {
	dir, err := os.MkdirTemp("", "penstock")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name, secret := filepath.Join(dir, "penstock.yaml"), filepath.Join(dir, "password")
	text := "redis: {address: cache:6379, database: 0, buffer: 64KiB, idle: 1m30s, password_file: " + secret + "}\n"
	for file, text := range map[string]string{name: text, secret: "a secret\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			log.Fatal(err)
		}
	}
	file, err := config.Load(name, config.Options{Sections: map[string]any{"redis": Redis{}}})
	if err != nil {
		log.Fatal(err)
	}
	client, err := file.Client("")
	if err != nil {
		log.Fatal(err)
	}
	redis, err := config.Section[Redis](client, "redis")
	fmt.Println(redis.Address, redis.Buffer, redis.Idle, redis.Password == "a secret", err)
	// Output: cache:6379 65536 1m30s true <nil>
}
