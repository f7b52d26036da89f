// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
)

func TestTheZeroConfigIsALocalServer(t *testing.T) {
	p, err := milvus.NewPool(milvus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(t.Context())
	if got, want := p.Name(), "localhost:19530/default"; got != want {
		t.Errorf("Name = %q, want %q", got, want)
	}
	if s := p.Stats(); s.Max != 4 || s.Min != 1 {
		t.Errorf("Stats has Max %d and Min %d, want 4 and 1", s.Max, s.Min)
	}
}

func TestThePoolIsNamedAfterAddressAndDatabaseUnlessItHasAName(t *testing.T) {
	for _, c := range []struct {
		cfg  milvus.Config
		want string
	}{
		{milvus.Config{Address: "[::1]:1", Database: "shop"}, "[::1]:1/shop"},
		{milvus.Config{Address: "dns:///milvus:1", Database: "shop"}, "milvus:1/shop"},
		{milvus.Config{Database: "shop", Pool: pool.Config{Name: "bulk"}}, "bulk"},
	} {
		p, err := milvus.NewPool(c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		if p.Name() != c.want {
			t.Errorf("Name = %q, want %q", p.Name(), c.want)
		}
		p.Close(t.Context())
	}
}

func TestTheEndpointHasTheDefaults(t *testing.T) {
	for _, c := range []struct {
		cfg       milvus.Config
		host      string
		port      int
		namespace string
	}{
		{milvus.Config{}, "localhost", milvus.DefaultPort, "default"},
		{milvus.Config{Address: "[::1]:1", Database: "shop"}, "::1", 1, "shop"},
		{milvus.Config{Address: "dns:///milvus:1"}, "milvus", 1, "default"},
		{milvus.Config{Address: "nowhere"}, "", 0, "default"},
		{milvus.Config{Address: "nowhere:http"}, "", 0, "default"},
	} {
		host, port := c.cfg.Endpoint()
		if host != c.host || port != c.port {
			t.Errorf("Endpoint of %q = %q, %d, want %q, %d", c.cfg.Address, host, port, c.host, c.port)
		}
		if got := c.cfg.Namespace(); got != c.namespace {
			t.Errorf("Namespace of %q = %q, want %q", c.cfg.Database, got, c.namespace)
		}
	}
}

func TestAllFaultsOfAConfigurationAreNamedAtOnce(t *testing.T) {
	_, err := milvus.NewPool(milvus.Config{
		Address: "http://host:1", Database: "a\nb", Password: milvus.NewSecret("hunter2"), APIKey: milvus.NewSecret("k3y"),
		DialOptions: []grpc.DialOption{nil},
		Pool:        pool.Config{MaxSize: -1},
	})
	if err == nil {
		t.Fatal("NewPool accepted a bad configuration")
	}
	for _, word := range []string{"Address", "scheme", "Database", "Username", "DialOptions", "MaxSize"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not name %s", err, word)
		}
	}
	wantNoSecret(t, err.Error())
}

func TestNewFactoryRefuses(t *testing.T) {
	for name, cfg := range map[string]milvus.Config{
		"an address without a port":  {Address: "host"},
		"credentials twice":          {Username: "a", Credentials: func(context.Context) (milvus.Credentials, error) { return milvus.Credentials{}, nil }},
		"credentials in the address": {Address: "root:hunter2@host:1"},
		"credentials in a URL":       {Address: "https://root:hunter2@host:1"},
		"a token in a query":         {Address: "https://host:1/?token=hunter2"},
		"a query behind the port":    {Address: "host:1?token=hunter2"},
		"a backslash":                {Address: `a\b:1`},
		"a line break":               {Address: "a\nb:1"},
		"a NUL":                      {Address: "a\x00b:1"},
		"no UTF-8":                   {Address: "a\xffb:1"},
		"brackets without an IP":     {Address: "[abc]:1"},
		"a password without a user":  {Password: milvus.NewSecret("hunter2")},
		"a colon in the user's name": {Username: "a:b", Password: milvus.NewSecret("hunter2")},
		"two ways to authenticate":   {Username: "a", Password: milvus.NewSecret("hunter2"), APIKey: milvus.NewSecret("k3y")},
	} {
		f, err := milvus.NewFactory(cfg)
		if err == nil || f != nil {
			t.Errorf("NewFactory accepted %s", name)
			continue
		}
		wantNoSecret(t, err.Error())
	}
}

func TestNothingThatPrintsAConfigShowsItsSecrets(t *testing.T) {
	cfg := milvus.Config{Address: "root:hunter2@host:1", Username: "root", Password: milvus.NewSecret("hunter2"), APIKey: milvus.NewSecret("k3y")}
	type application struct{ Milvus milvus.Config }
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		wantNoSecret(t, fmt.Sprintf(verb, cfg))
		wantNoSecret(t, fmt.Sprintf(verb, &cfg))
		wantNoSecret(t, fmt.Sprintf(verb, application{cfg}))
	}
	wantNoSecret(t, cfg.String())
	wantNoSecret(t, cfg.GoString())

	var logs bytes.Buffer
	slog.New(slog.NewTextHandler(&logs, nil)).Info("text", "cfg", cfg)
	slog.New(slog.NewJSONHandler(&logs, nil)).Info("json", "cfg", cfg)
	wantNoSecret(t, logs.String())

	dump, err := json.Marshal(milvus.Config{Password: milvus.NewSecret("hunter2"), APIKey: milvus.NewSecret("k3y")})
	if err != nil {
		t.Fatal(err)
	}
	wantNoSecret(t, string(dump))

	cfg.Address, cfg.APIKey = "host:1", milvus.Secret{}
	f := newFactory(t, cfg)
	p, err := milvus.NewPool(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(context.Background())
	wantNoSecret(t, fmt.Sprintf("%+v %#v", f, f))
	wantNoSecret(t, fmt.Sprintf("%+v", p.Stats()))
}

func TestAConfigSaysThatItHasSecrets(t *testing.T) {
	cfg := milvus.Config{Address: "host:1", Username: "root", Password: milvus.NewSecret("hunter2")}
	want := "milvus.Config{Address: host:1, Database: , Username: root, Password: [redacted], APIKey: , Credentials: false, TLS: false, DialOptions: 0, PropagationDisabled: false, QueryText: false, Pool: }"
	if got := cfg.String(); got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
}

func wantNoSecret(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{"hunter2", "68756e74657232", "k3y", "6b3379"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q shows %s", text, secret)
		}
	}
}
