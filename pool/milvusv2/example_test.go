// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/milvus-io/milvus/client/v2/milvusclient"
	"github.com/milvus-io/milvus/pkg/v2/util/merr"

	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

func ExampleNewPool() {
	srv, err := milvustest.New(milvustest.Config{Version: "v2.4.2"}) // in place of a real Milvus
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	ctx := context.Background()
	p, err := milvusv2.NewPool(milvusv2.Config{Address: srv.Addr()})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close(ctx)

	err = p.Do(ctx, func(ctx context.Context, c *milvusv2.Conn) error {
		version, err := c.GetServerVersion(ctx, milvusclient.NewGetServerVersionOption())
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
	p, err := milvusv2.NewPool(milvusv2.Config{Address: srv.Addr()})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close(ctx)

	err = p.Do(ctx, func(ctx context.Context, c *milvusv2.Conn) error {
		_, err := c.Query(ctx, milvusclient.NewQueryOption("docs").WithFilter("id > 0"))
		return err
	})
	if e, ok := errors.AsType[*milvusv2.Error](err); ok {
		fmt.Println(e.Code, e.Method, milvusv2.Classify(err).Verdict)
	}
	fmt.Println(errors.Is(err, merr.ErrCollectionNotFound))
	// Output:
	// 100 DescribeCollection success
	// true
}
