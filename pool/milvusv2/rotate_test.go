// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

// vault is a store of credentials that change.
type vault struct {
	password atomic.Pointer[string]
	asked    atomic.Int64
}

func newVault(password string) *vault {
	v := new(vault)
	v.password.Store(&password)
	return v
}

func (v *vault) credentials(context.Context) (milvusv2.Credentials, error) {
	v.asked.Add(1)
	return milvusv2.Credentials{Username: "root", Password: milvusv2.NewSecret(*v.password.Load())}, nil
}

// rotate makes the server and the vault use another password.
func (v *vault) rotate(srv *milvustest.Server, password string) {
	srv.SetCredentials("root", password, "")
	v.password.Store(&password)
}

func TestEachDialHasThePresentCredentials(t *testing.T) {
	srv := start(t, milvustest.Config{Username: "root", Password: "first"})
	v := newVault("first")
	f := newFactory(t, milvusv2.Config{Address: srv.Addr(), Credentials: v.credentials})
	dial(t, f)
	v.rotate(srv, "second")
	dial(t, f)
	if n := v.asked.Load(); n != 2 {
		t.Errorf("the credentials were asked for %d times, want once for each dial", n)
	}
}

func TestResetDialsWithThePresentCredentials(t *testing.T) {
	srv := start(t, milvustest.Config{Username: "root", Password: "first"})
	v := newVault("first")
	p, err := milvusv2.NewPool(milvusv2.Config{Address: srv.Addr(), Credentials: v.credentials})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(context.Background())
	if err := p.Do(t.Context(), askVersion); err != nil {
		t.Fatal(err)
	}
	v.rotate(srv, "second")
	p.Reset("rotated")
	until(t, func() bool { return p.Do(t.Context(), askVersion) == nil })
}

// Nobody calls Reset here.
func TestAnOperationSurvivesTheRotationOfThePassword(t *testing.T) {
	srv := start(t, milvustest.Config{Username: "root", Password: "first"})
	v := newVault("first")
	chain := penstock.Config{}
	chain.Chain.Retry = retry.Config{Interval: 1}
	client, err := milvusv2.Open(t.Context(), milvusv2.Config{Address: srv.Addr(), Credentials: v.credentials}, chain)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close(context.Background())
	op := core.Op{Name: "CreateDatabase", Safety: core.Unsafe}
	for _, name := range []string{"one", "two", "three"} {
		_, err := core.Do(t.Context(), client.Client, op, func(ctx context.Context, c *milvusv2.Conn) (any, error) {
			return nil, createDatabaseOn(ctx, c, name)
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		v.rotate(srv, "next after "+name)
	}
}

func TestARefusedConnectionIsReplacedOnlyIfTheNextMayBeAccepted(t *testing.T) {
	srv := start(t, milvustest.Config{Username: "root", Password: "first"})
	v := newVault("first")
	rotating := dial(t, newFactory(t, milvusv2.Config{Address: srv.Addr(), Credentials: v.credentials}))
	static := dial(t, newFactory(t, milvusv2.Config{Address: srv.Addr(), Username: "root", Password: milvusv2.NewSecret("first")}))
	v.rotate(srv, "second")
	err := dropCollectionOn(t.Context(), rotating, "docs")
	wantStatus(t, err, 0, codes.Unauthenticated)
	wantClass(t, err, core.Class{Verdict: core.Neutral, Retry: core.RetryAlways, Conn: core.Broken, ErrorType: core.TypeUnauthenticated})
	wantClass(t, dropCollectionOn(t.Context(), static, "docs"), useless)
}

func TestADialWithoutCredentialsSaysWhy(t *testing.T) {
	srv := start(t, milvustest.Config{})
	sealed := errors.New("the vault is sealed")
	for name, c := range map[string]struct {
		present milvusv2.Credentials
		err     error
		want    string
	}{
		"the source fails":          {err: sealed, want: "no credentials: the vault is sealed"},
		"the source returns both":   {present: milvusv2.Credentials{Username: "root", APIKey: milvusv2.NewSecret("hunter2")}, want: "both APIKey and Username are set"},
		"the source forgets a user": {present: milvusv2.Credentials{Password: milvusv2.NewSecret("hunter2")}, want: "Password is set without Username"},
	} {
		t.Run(name, func(t *testing.T) {
			e := dialError(t, milvusv2.Config{Address: srv.Addr(), Credentials: func(context.Context) (milvusv2.Credentials, error) { return c.present, c.err }})
			if !strings.Contains(e.Error(), c.want) || !strings.Contains(e.Error(), "milvus at "+srv.Addr()) || !errors.Is(e, milvusv2.ErrUnauthenticated) {
				t.Errorf("Dial = %v, want %q and ErrUnauthenticated", e, c.want)
			}
			if c.err != nil && !errors.Is(e, c.err) {
				t.Errorf("%v hides its cause", e)
			}
			wantNoSecret(t, e.Error())
			wantClass(t, e, useless)
		})
	}
	if n := srv.Accepted(); n != 0 {
		t.Errorf("%d connections, want none", n)
	}
}

func TestASharedPoolWithChangingCredentialsHasOneHandle(t *testing.T) {
	cfg := milvusv2.Config{Address: "localhost:19530", Credentials: newVault("first").credentials}
	shared(t, cfg)
	if _, err := milvusv2.Shared(cfg); !errors.Is(err, milvusv2.ErrDiffers) || !strings.HasSuffix(err.Error(), "other Credentials") {
		t.Errorf("Shared = %v, want ErrDiffers because of Credentials", err)
	}
}

func TestAnAddressMayLeaveTheHostToDNS(t *testing.T) {
	srv := start(t, milvustest.Config{})
	_, port, _ := strings.Cut(srv.Addr(), ":")
	for _, address := range []string{"dns:///127.0.0.1:" + port, "dns:///localhost:" + port} {
		f := newFactory(t, milvusv2.Config{Address: address})
		if err := ping(t, dial(t, f)); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestAHostThatDNSDoesNotKnowEndsTheDialAtOnce(t *testing.T) {
	e := dialError(t, milvusv2.Config{Address: "dns:///no..name:19530"}) // known to be none without a question
	if !strings.Contains(e.Error(), "milvus at no..name:19530") || !strings.Contains(e.Error(), "DNS has no address for no..name:19530") || !errors.Is(e, core.ErrUnavailable) {
		t.Errorf("Dial = %v, want the name and core.ErrUnavailable", e)
	}
	wantClass(t, e, core.Class{Verdict: core.Failure, Retry: core.RetryAlways, Conn: core.Suspect})
}
