// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func ExampleNewPool() {
	srv, err := milvustest.New(milvustest.Config{Version: "v2.4.2"}) // in place of a real Milvus
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	ctx := context.Background()
	p, err := milvus.NewPool(milvus.Config{Address: srv.Addr()})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close(ctx)

	err = p.Do(ctx, func(ctx context.Context, c *milvus.Conn) error {
		version, err := c.GetVersion(ctx)
		fmt.Println(version)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output: v2.4.2
}

func ExampleError() {
	srv, err := milvustest.New(milvustest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	ctx := context.Background()
	p, err := milvus.NewPool(milvus.Config{Address: srv.Addr()})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close(ctx)

	err = p.Do(ctx, func(ctx context.Context, c *milvus.Conn) error {
		_, err := c.Insert(ctx, "docs", "", entity.NewColumnInt64("id", []int64{1}))
		return err
	})
	if e, ok := errors.AsType[*milvus.Error](err); ok {
		fmt.Println(e.Code, e.Method, milvus.Classify(err).Verdict)
	}
	fmt.Println(err)
	// Output:
	// 100 DescribeCollection success
	// milvus: DescribeCollection: collection not found[database=default][collection=docs] (100): check the name, and that the database of the call is the collection's: Config.Database or WithDatabase
}

// fromFile returns the credentials that are valid at the time of a dial.
func fromFile(context.Context) (milvus.Credentials, error) {
	password, err := os.ReadFile("/run/secrets/milvus")
	return milvus.Credentials{Username: "books", Password: milvus.NewSecret(string(password))}, err
}

func ExampleCredentials() {
	cfg := milvus.Config{Address: "milvus.internal:19530", Credentials: fromFile}
	p, err := milvus.NewPool(cfg) // it dials nothing, so the file is not read yet
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Name())
	// Output: milvus.internal:19530/default
}
