// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"testing"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
)

// library is a client with methods of its own, as an application writes it.
type library struct {
	*core.Client[string]
	shelf string
}

func (l *library) find(ctx context.Context) (string, error) {
	return core.Do(ctx, l, search, func(_ context.Context, conn string) (string, error) { return l.shelf + " of " + conn, nil })
}

// around is another layer.
type around struct{ library }

func TestDoAndGoTakeATypeThatEmbedsAClient(t *testing.T) {
	client := newClient(t, core.ClientConfig[string]{Source: &coretest.Source[string]{Conn: "conn"}})
	ping := func(_ context.Context, conn string) (int, error) { return len(conn), nil }

	lib := &library{client, "A"}
	if got, err := lib.find(t.Context()); got != "A of conn" || err != nil {
		t.Errorf("find = %q, %v, want A of conn", got, err)
	}
	for name, runner := range map[string]core.Runner[string]{
		"a client": client, "a pointer to a type around one": lib, "the type itself": *lib,
		"two layers": &around{*lib},
	} {
		if got, err := core.Do(t.Context(), runner, search, ping); got != 4 || err != nil {
			t.Errorf("Do with %s = %d, %v, want 4", name, got, err)
		}
		if got, err := core.Go(t.Context(), runner, search, ping).Await(t.Context()); got != 4 || err != nil {
			t.Errorf("Go with %s = %d, %v, want 4", name, got, err)
		}
	}

	// The types are inferred, and the methods of the client can be called.
	if got, err := core.Go(t.Context(), lib, search, ping).Await(t.Context()); got != 4 || err != nil {
		t.Errorf("Go = %d, %v, want 4", got, err)
	}
	if err := lib.Probe(t.Context(), func(context.Context, string) error { return nil }); err != nil {
		t.Errorf("Probe = %v", err)
	}
	if err := lib.Close(t.Context()); err != nil {
		t.Errorf("Close = %v", err)
	}
	if _, err := core.Go(t.Context(), client, search, ping).Await(t.Context()); !errors.Is(err, core.ErrClientClosed) {
		t.Errorf("Go = %v after Close, want ErrClientClosed", err)
	}
}
