// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
)

// Conn stands for the connection of a backend's client library.
type Conn struct{ server string }

// Search pretends to ask the server.
func (c *Conn) Search(_ context.Context, query string) ([]string, error) {
	if query == "" {
		return nil, errors.New("empty query")
	}
	return []string{query + " at " + c.server}, nil
}

var searchDocs = core.Op{Name: "Search", Target: "docs", Safety: core.ReadOnly}

func Example() {
	client, err := core.NewClient(core.ClientConfig[*Conn]{
		Source: &coretest.Source[*Conn]{Conn: &Conn{"server-1"}}, // a pool, in real life
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	defer client.Close(ctx)

	hits, err := core.Do(ctx, client, searchDocs, func(ctx context.Context, c *Conn) ([]string, error) {
		return c.Search(ctx, "penstock")
	})
	fmt.Println(hits, err)

	_, err = core.Do(ctx, client, searchDocs, func(ctx context.Context, c *Conn) ([]string, error) {
		return c.Search(ctx, "")
	})
	fmt.Println(err)
	// Output:
	// [penstock at server-1] <nil>
	// Search docs: empty query
}

func ExampleClient_Probe() {
	client, err := core.NewClient(core.ClientConfig[*Conn]{
		Source:     &coretest.Source[*Conn]{Conn: &Conn{"server-1"}},
		Classifier: func(error) core.Class { return core.Answered("bad_query") },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	// An answer is a sign of life, also one that refuses the statement.
	err = client.Probe(context.Background(), func(ctx context.Context, c *Conn) error {
		_, err := c.Search(ctx, "")
		return err
	})
	fmt.Println(err)
	// Output:
	// <nil>
}

func ExampleGo() {
	client, err := core.NewClient(core.ClientConfig[*Conn]{
		Source: &coretest.Source[*Conn]{Conn: &Conn{"server-1"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	future := core.Go(ctx, client, searchDocs, func(ctx context.Context, c *Conn) ([]string, error) {
		return c.Search(ctx, "penstock")
	})
	// Other work goes here.
	hits, err := future.Await(ctx)
	fmt.Println(hits, err)
	// Output:
	// [penstock at server-1] <nil>
}

// announce is a middleware that says when it is entered and left.
func announce(name string) core.Middleware {
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			fmt.Println(name, "before", call.Op.Name)
			err := next(ctx, call)
			fmt.Println(name, "after", call.Op.Name)
			return err
		}
	}
}

func ExampleCompose() {
	client, err := core.NewClient(core.ClientConfig[*Conn]{
		Source:     &coretest.Source[*Conn]{Conn: &Conn{"server-1"}},
		Middleware: core.Compose(announce("outer"), announce("inner")),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = core.Do(context.Background(), client, searchDocs, func(ctx context.Context, c *Conn) ([]string, error) {
		fmt.Println("work")
		return c.Search(ctx, "penstock")
	})
	// Output:
	// outer before Search
	// inner before Search
	// work
	// inner after Search
	// outer after Search
}
