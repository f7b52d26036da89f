// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/goleak"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/fxmodule/admin"
	"github.com/penstock-go/penstock/pool"
)

// application has two clients, and what else it is given.
func application(opts ...fx.Option) fx.Option {
	return fx.Options(append(opts, fx.NopLogger,
		fxmodule.Client[int](), fx.Supply(penstock.Backend[int]{Factory: &coretest.Factory[int]{}, Pool: pool.Config{Name: "ints"}}),
		fxmodule.Client[string](), fx.Supply(penstock.Backend[string]{Factory: &coretest.Factory[string]{}, Pool: pool.Config{Name: "strings"}}),
		fx.Invoke(func(*penstock.Client[int], *penstock.Client[string]) {}),
	)...)
}

func TestTheModuleShowsEveryClient(t *testing.T) {
	defer goleak.VerifyNone(t)
	var a *admin.Admin
	app := fxtest.New(t, application(admin.Module(admin.Config{}), fx.Populate(&a)))
	app.RequireStart()
	response, err := http.Get("http://" + a.Addr().String() + "/snapshot.json")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if text := string(body); response.StatusCode != 200 || !strings.Contains(text, `"id":"ints"`) || !strings.Contains(text, `"id":"strings"`) {
		t.Errorf("%d %s, want both clients", response.StatusCode, text)
	}
	http.DefaultClient.CloseIdleConnections()
	app.RequireStop()
	if got := get(t, a, "").Clients; len(got) != 0 {
		t.Errorf("after the stop there are the clients %+v", got)
	}
}

// An application without a *slog.Logger of its own reads the address of the page, and who
// acted, where it reads the log of its clients.
func TestTheModuleLogsWithoutALoggerInTheGraph(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	var a *admin.Admin
	app := fxtest.New(t, application(admin.Module(admin.Config{Tokens: []admin.Token{{By: "ann", Secret: secret}}}), fx.Populate(&a)))
	app.RequireStart()
	act(a, `{"action":"breaker_reset","client":"ints"}`, nil)
	app.RequireStop()
	for _, want := range []string{"url=http://" + a.Addr().String(), "action=breaker_reset client=ints by=ann"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s:\n%s", want, log.String())
		}
	}
}

func TestReloadComesFromTheGraph(t *testing.T) {
	var a *admin.Admin
	reloaded := ""
	app := fxtest.New(t, application(
		admin.Module(admin.Config{Tokens: []admin.Token{{By: "ann", Secret: secret}}}), fx.Populate(&a),
		fx.Supply(admin.Reload(func(_ context.Context, by string) error { reloaded = by; return nil })),
	))
	app.RequireStart()
	if code, result := act(a, `{"action":"reload"}`, nil); code != 200 || reloaded != "ann" || !get(t, a, "").Reload {
		t.Errorf("reload = %d %+v, by %q", code, result, reloaded)
	}
	app.RequireStop()
}

func TestWrongWiringNamesTheRemedy(t *testing.T) {
	defer goleak.VerifyNone(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, row := range []struct {
		name string
		opts []fx.Option
		want string
	}{
		{"two modules", []fx.Option{admin.Module(admin.Config{}), admin.Module(admin.Config{})}, "admin.useOneAdminModule"},
		{"an empty token", []fx.Option{admin.Module(admin.Config{Tokens: []admin.Token{{By: "ann"}}})}, "admin: Tokens[0] is empty: set its Secret"},
		{"another interface without a token", []fx.Option{admin.Module(admin.Config{Address: ":0"})}, `admin: Address ":0" is reached from other machines: set Tokens`},
		{"an address that is taken", []fx.Option{admin.Module(admin.Config{Address: taken.Addr().String()})}, "admin: cannot listen on " + taken.Addr().String()},
	} {
		t.Run(row.name, func(t *testing.T) {
			app := fx.New(application(row.opts...))
			err := app.Err()
			if err == nil {
				err = app.Start(context.Background())
			}
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("the application = %v, want %q in it", err, row.want)
			}
		})
	}
}

// A client that does not start leaves no page behind.
func TestAFailedStartClosesThePage(t *testing.T) {
	defer goleak.VerifyNone(t)
	var a *admin.Admin
	app := fx.New(admin.Module(admin.Config{}), fx.Populate(&a), fx.NopLogger,
		fxmodule.Client[int](),
		fx.Supply(penstock.Backend[int]{Factory: &coretest.Factory[int]{OnDial: func(context.Context, int) (int, error) { return 0, errors.New("no") }}}),
		fx.Invoke(func(*penstock.Client[int]) {}))
	if err := app.Err(); err != nil {
		t.Fatal(err)
	}
	if err := app.Start(context.Background()); err == nil {
		t.Fatal("the application starts")
	}
	conn, err := net.Dial("tcp", a.Addr().String())
	if err == nil {
		conn.Close()
		t.Error("the page still listens")
	}
}
