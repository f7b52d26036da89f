// SPDX-License-Identifier: Apache-2.0

package milvus_test

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
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
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

func (v *vault) credentials(context.Context) (milvus.Credentials, error) {
	v.asked.Add(1)
	return milvus.Credentials{Username: "root", Password: milvus.NewSecret(*v.password.Load())}, nil
}

// rotate makes the server and the vault use another password.
func (v *vault) rotate(srv *milvustest.Server, password string) {
	srv.SetCredentials("root", password, "")
	v.password.Store(&password)
}

func TestEachDialHasThePresentCredentials(t *testing.T) {
	srv := start(t, milvustest.Config{Username: "root", Password: "first"})
	v := newVault("first")
	f := newFactory(t, milvus.Config{Address: srv.Addr(), Credentials: v.credentials})
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
	p, err := milvus.NewPool(milvus.Config{Address: srv.Addr(), Credentials: v.credentials})
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
	client, err := milvus.Open(t.Context(), milvus.Config{Address: srv.Addr(), Credentials: v.credentials}, chain)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close(context.Background())
	op := core.Op{Name: "CreateDatabase", Safety: core.Unsafe}
	for _, name := range []string{"one", "two", "three"} {
		_, err := core.Do(t.Context(), client.Client, op, func(ctx context.Context, c *milvus.Conn) (any, error) {
			return nil, c.CreateDatabase(ctx, name)
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
	rotating := dial(t, newFactory(t, milvus.Config{Address: srv.Addr(), Credentials: v.credentials}))
	static := dial(t, newFactory(t, milvus.Config{Address: srv.Addr(), Username: "root", Password: milvus.NewSecret("first")}))
	v.rotate(srv, "second")
	err := rotating.DropCollection(t.Context(), "docs")
	wantStatus(t, err, 0, codes.Unauthenticated)
	wantClass(t, err, core.Class{Verdict: core.Neutral, Retry: core.RetryAlways, Conn: core.Broken, ErrorType: core.TypeUnauthenticated})
	wantClass(t, static.DropCollection(t.Context(), "docs"), useless)
}

func TestADialWithoutCredentialsSaysWhy(t *testing.T) {
	srv := start(t, milvustest.Config{})
	sealed := errors.New("the vault is sealed")
	for name, c := range map[string]struct {
		present milvus.Credentials
		err     error
		want    string
	}{
		"the source fails":          {err: sealed, want: "no credentials: the vault is sealed"},
		"the source returns both":   {present: milvus.Credentials{Username: "root", APIKey: milvus.NewSecret("hunter2")}, want: "both APIKey and Username are set"},
		"the source forgets a user": {present: milvus.Credentials{Password: milvus.NewSecret("hunter2")}, want: "Password is set without Username"},
	} {
		t.Run(name, func(t *testing.T) {
			e := dialError(t, milvus.Config{Address: srv.Addr(), Credentials: func(context.Context) (milvus.Credentials, error) { return c.present, c.err }})
			if !strings.Contains(e.Error(), c.want) || !strings.Contains(e.Error(), "milvus at "+srv.Addr()) || !errors.Is(e, milvus.ErrUnauthenticated) {
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
	cfg := milvus.Config{Address: "localhost:19530", Credentials: newVault("first").credentials}
	shared(t, cfg)
	if _, err := milvus.Shared(cfg); !errors.Is(err, milvus.ErrDiffers) || !strings.HasSuffix(err.Error(), "other Credentials") {
		t.Errorf("Shared = %v, want ErrDiffers because of Credentials", err)
	}
}

func TestAnAddressMayLeaveTheHostToDNS(t *testing.T) {
	srv := start(t, milvustest.Config{})
	_, port, _ := strings.Cut(srv.Addr(), ":")
	for _, address := range []string{"dns:///127.0.0.1:" + port, "dns:///localhost:" + port} {
		f := newFactory(t, milvus.Config{Address: address})
		if err := ping(t, dial(t, f)); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestAHostThatDNSDoesNotKnowEndsTheDialAtOnce(t *testing.T) {
	e := dialError(t, milvus.Config{Address: "dns:///no..name:19530"}) // known to be none without a question
	if !strings.Contains(e.Error(), "milvus at no..name:19530") || !strings.Contains(e.Error(), "DNS has no address for no..name:19530") || !errors.Is(e, core.ErrUnavailable) {
		t.Errorf("Dial = %v, want the name and core.ErrUnavailable", e)
	}
	wantClass(t, e, core.Class{Verdict: core.Failure, Retry: core.RetryAlways, Conn: core.Suspect})
}
