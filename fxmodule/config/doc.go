// SPDX-License-Identifier: Apache-2.0

// Package config reads the settings of clients from a YAML file and the environment. It
// knows nothing of fx, and of no backend.
//
//	file, err := config.Load("penstock.yaml", config.Options{
//		Sections: map[string]any{"milvus": milvus.Settings{}},
//	})
//	if err != nil {
//		return err
//	}
//	books, err := file.Client("books")
//	if err != nil {
//		return err
//	}
//	server, err := config.Section[milvus.Settings](books, "milvus")
//	if err != nil {
//		return err
//	}
//	pool, settings := books.Settings()
//	client, err := milvus.Open(ctx, server.Config(pool), settings)
//
// An example of a file with two clients:
//
//	operation_timeout: 30s       # of every client
//	milvus:
//	  address: milvus.internal:19530
//	clients:
//	  books:
//	    milvus: {database: books}
//	    pool: {max_size: 8}
//	  words:
//	    milvus: {database: words}
//
// What stands at the top holds for every client, and what stands below clients.books for
// that client. A file without clients is one client, whose name is empty.
//
// The variable PENSTOCK_POOL_MAX_SIZE=16 overrides pool.max_size of the file for every
// client, PENSTOCK_CLIENTS_BOOKS_POOL_MAX_SIZE=16 for one. Variables that Kubernetes sets
// for a Service called penstock are ignored.
//
// A setting that is left out has its default. An explicit 0 is refused, because 0
// could mean the default, none or no limit. To switch a stage off, set its
// "disabled" to true. docs/configuration.md says what each setting does.
//
// # Sections of backends
//
// A section is decoded into a struct of the backend, see [Options]. Each exported field is
// a setting; its name in the file is the field's name in lower case with underscores. A
// field may be a string, a bool, a number, a time.Duration, a type with UnmarshalText, a
// list of these, or a struct with such fields. Fields that hold functions or interfaces
// are left out. The tag config changes that:
//
//	Address  string                         // address
//	Password string `config:",secret"`      // password, or password_file: never shown
//	Buffer   int    `config:"buf,size"`     // buf, such as 64MiB
//	Database int    `config:",any"`         // database, which may be 0 or negative
//	Logger   *Log   `config:"-"`            // no setting
package config
