// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
)

// patience limits one request.
const patience = 60 * time.Second

// Target is a server under comparison.
type Target struct {
	Address string
	// Lasting says that a request which kills a Milvus 2.3.5 may be sent.
	Lasting bool
	// NoDatabases says that the server has one database only.
	NoDatabases bool
}

// session answers requests in one database of a target, one after the other.
type session struct {
	target   Target
	database string
	pool     *pool.Pool[*milvus.Conn]
	stub     *grpc.ClientConn

	schemas map[string]*schemapb.CollectionSchema // of the collections and aliases that requests named
	auto    map[string]string                     // "auto1" for the first key that the server made, and so on
	made    map[string]string                     // the reverse of auto
}

// open returns a session with an empty database, which open creates if it is not there.
func open(ctx context.Context, target Target, database string) (*session, error) {
	cc, err := grpc.NewClient("passthrough:///"+target.Address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30)))
	if err != nil {
		return nil, err
	}
	s := &session{target: target, database: database, stub: cc}
	if target.NoDatabases {
		s.database = ""
	} else {
		_ = s.invoke(ctx, "CreateDatabase", &milvuspb.CreateDatabaseRequest{DbName: database}, &commonpb.Status{}, "") // it may exist
	}
	s.pool, err = milvus.NewPool(milvus.Config{Address: target.Address, Database: s.database})
	if err != nil {
		return nil, errors.Join(err, cc.Close())
	}
	if err := s.clear(ctx); err != nil {
		s.close(ctx)
		return nil, err
	}
	return s, nil
}

func (s *session) close(ctx context.Context) {
	_ = s.pool.Close(ctx) // of no interest: nothing of the pool is in use
	_ = s.stub.Close()
}

// invoke sends one request over the bare stub, to the database.
func (s *session) invoke(ctx context.Context, method string, req, reply any, database string) error {
	if database != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "dbname", database)
	}
	return s.stub.Invoke(ctx, "/milvus.proto.milvus.MilvusService/"+method, req, reply)
}

// clear drops all collections and aliases of the database, and forgets them.
func (s *session) clear(ctx context.Context) error {
	s.schemas, s.auto, s.made = map[string]*schemapb.CollectionSchema{}, map[string]string{}, map[string]string{}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var shown milvuspb.ShowCollectionsResponse
	if err := s.invoke(ctx, "ShowCollections", &milvuspb.ShowCollectionsRequest{}, &shown, s.database); err != nil {
		return fmt.Errorf("clear database %s: %w", s.database, err)
	}
	for _, name := range shown.GetCollectionNames() {
		var described milvuspb.DescribeCollectionResponse
		if err := s.invoke(ctx, "DescribeCollection", &milvuspb.DescribeCollectionRequest{CollectionName: name}, &described, s.database); err != nil {
			return fmt.Errorf("clear database %s: %w", s.database, err)
		}
		for _, alias := range described.GetAliases() {
			if err := s.invoke(ctx, "DropAlias", &milvuspb.DropAliasRequest{Alias: alias}, &commonpb.Status{}, s.database); err != nil {
				return fmt.Errorf("clear database %s: %w", s.database, err)
			}
		}
		var dropped commonpb.Status
		if err := s.invoke(ctx, "DropCollection", &milvuspb.DropCollectionRequest{CollectionName: name}, &dropped, s.database); err != nil || dropped.GetCode() != 0 {
			return fmt.Errorf("clear database %s: drop %s: %s %w", s.database, name, dropped.GetReason(), err)
		}
	}
	return nil
}

// answer sends a request and returns the outcome. Its error says that the server is gone.
func (s *session) answer(ctx context.Context, r Request) (Outcome, error) {
	if r.Kills && !s.target.Lasting {
		return Outcome{Code: codeClient, Reason: "not sent: it kills the server"}, nil
	}
	do, ok := operations[strings.TrimSuffix(r.Do, "!")]
	if strings.HasSuffix(r.Do, "!") {
		do, ok = bare[r.Do]
	}
	if !ok {
		panic("differential: no operation " + r.Do)
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := do(limited, s, r)
	if ctx.Err() != nil {
		return Outcome{}, context.Cause(ctx)
	}
	if err != nil {
		out = failure(err)
	}
	return out, nil
}

// with runs f with a connection of the pool.
func with[R any](ctx context.Context, s *session, f func(context.Context, *milvus.Conn) (R, error)) (R, error) {
	var result R
	err := s.pool.Do(ctx, func(ctx context.Context, c *milvus.Conn) error {
		var err error
		result, err = f(ctx, c)
		return err
	})
	return result, err
}

// failure returns the outcome for an error of the SDK, the adapter or gRPC.
func failure(err error) Outcome {
	out := Outcome{Code: codeClient, Reason: short(err.Error())}
	var answer *milvus.Error
	switch {
	case errors.As(err, &answer) && answer.GRPC != 0:
		out.Code, out.Reason = codeGRPC-int32(answer.GRPC), short(answer.Reason)
	case errors.As(err, &answer):
		out.Code, out.Reason = answer.Code, short(answer.Reason)
	default:
		if st, ok := status.FromError(err); ok {
			out.Code, out.Reason = codeGRPC-int32(st.Code()), short(st.Message())
		}
	}
	return out
}

// failed returns the outcome of a reply over the stub that is no success, else nil.
func failed(st *commonpb.Status) *Outcome {
	//lint:ignore SA1019 an old server sets no other field
	legacy := st.GetErrorCode()
	if st.GetCode() == 0 && legacy == commonpb.ErrorCode_Success {
		return nil
	}
	code := st.GetCode()
	if code == 0 {
		code = -1000 - int32(legacy)
	}
	return &Outcome{Code: code, Reason: short(st.GetReason())}
}

// short cuts the text of an error.
func short(text string) string {
	text = strings.ToValidUTF8(text, "?")
	if r := []rune(text); len(r) > 240 {
		return string(r[:239]) + "…"
	}
	return text
}
