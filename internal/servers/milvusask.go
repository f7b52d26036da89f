// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"context"
	"fmt"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// answersMilvus returns nil if an operation succeeds on the server at the address.
func answersMilvus(ctx context.Context, addr string) error {
	return askMilvus(ctx, addr, func(ctx context.Context, client milvuspb.MilvusServiceClient) error {
		shown, err := client.ShowCollections(ctx, &milvuspb.ShowCollectionsRequest{})
		if err != nil {
			return err
		}
		//lint:ignore SA1019 a server of version 2.3 may set either of the two
		if s := shown.GetStatus(); s.GetCode() != 0 || s.GetErrorCode() != commonpb.ErrorCode_Success {
			return fmt.Errorf("ShowCollections: %s", s.GetReason())
		}
		return nil
	})
}

// askMilvus sends one request over a new connection, because gRPC delays the requests on
// a connection that has failed.
func askMilvus(ctx context.Context, addr string, request func(context.Context, milvuspb.MilvusServiceClient) error) error {
	// A starting server accepts connections and does not answer, so the limit is
	// short.
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close() // its error does not matter
	return request(ctx, milvuspb.NewMilvusServiceClient(conn))
}
