// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"context"
	"fmt"
	"log"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func Example() {
	srv, err := milvustest.New(milvustest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	ctx := context.Background()
	c, err := client.NewClient(ctx, client.Config{Address: srv.Addr(), RetryRateLimit: &client.RetryRateLimitOption{}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.NewCollection(ctx, "colors", 3, client.WithMetricsType(entity.L2)); err != nil {
		log.Fatal(err)
	}
	_, err = c.Insert(ctx, "colors", "",
		entity.NewColumnInt64("id", []int64{1, 2, 3}),
		entity.NewColumnFloatVector("vector", 3, [][]float32{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}))
	if err != nil {
		log.Fatal(err)
	}

	srv.Inject(milvustest.Fault{Method: "Search", Status: milvustest.RateLimited("slow down"), Times: 1})
	for range 2 {
		sp, _ := entity.NewIndexFlatSearchParam()
		hits, err := c.Search(ctx, "colors", nil, "", nil, []entity.Vector{entity.FloatVector{0, 3, 0}}, "vector", entity.L2, 2, sp)
		if err != nil {
			fmt.Println("error:", err)
			continue
		}
		fmt.Println(hits[0].IDs.FieldData().GetScalars().GetLongData().GetData(), hits[0].Scores)
	}
	fmt.Println("searches received:", srv.Calls("Search"))
	// Output:
	// error: slow down
	// [2 1] [4 10]
	// searches received: 2
}
