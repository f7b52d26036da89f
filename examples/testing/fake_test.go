// SPDX-License-Identifier: Apache-2.0

package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	catalog "github.com/penstock-go/penstock/examples/testing"
)

// conn is a fake connection. It answers that the collection docs is there, or with an
// error that a test sets while the client probes the connection.
type conn struct {
	mu  sync.Mutex // guards err
	err error
}

func (c *conn) set(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

func (c *conn) ping(context.Context, *conn) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *conn) HasCollection(ctx context.Context, name string) (bool, error) {
	err := c.ping(ctx, c)
	return name == "docs" && err == nil, err
}

// A Source lends one connection, and the client has no stage. What is left is the code
// under test.
func TestTheLastAnswerStandsInOnlyForAnUnavailableBackend(t *testing.T) {
	for _, row := range []struct {
		name       string
		err        error
		has, fresh bool
		fails      bool
	}{
		{"no error", nil, true, true, false},
		{"unavailable", fmt.Errorf("going down: %w", core.ErrUnavailable), true, false, false},
		{"another error", errors.New("no permission"), false, false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			fake := &conn{}
			client, err := core.NewClient(core.ClientConfig[*conn]{Source: &coretest.Source[*conn]{Conn: fake}})
			if err != nil {
				t.Fatal(err)
			}
			docs := catalog.New(client, "docs")
			if has, fresh, err := docs.Has(t.Context()); !has || !fresh || err != nil {
				t.Fatalf("Has = %t, %t, %v, want a fresh true", has, fresh, err)
			}
			fake.set(row.err)
			has, fresh, err := docs.Has(t.Context())
			if has != row.has || fresh != row.fresh || (err != nil) != row.fails || row.fails && !errors.Is(err, row.err) {
				t.Errorf("Has = %t, %t, %v, want %t, %t and an error: %t", has, fresh, err, row.has, row.fresh, row.fails)
			}
		})
	}
}
