// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"fmt"

	"github.com/penstock-go/penstock/pool"
)

// session stands for the client of some backend.
type session struct{ greeting string }

// sessions makes them.
type sessions struct{}

func (sessions) Dial(context.Context) (*session, error)    { return &session{"hello"}, nil }
func (sessions) Close(_ context.Context, _ *session) error { return nil }

func Example() {
	ctx := context.Background()
	p, err := pool.New(sessions{}, pool.Config{Name: "docs", MaxSize: 8, MinSize: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close(ctx)
	if err := p.Start(ctx); err != nil { // optional: fails early if the backend is away
		fmt.Println(err)
		return
	}

	err = p.Do(ctx, func(_ context.Context, s *session) error {
		fmt.Println(s.greeting)
		return nil
	})
	fmt.Println(err, p.Stats().Idle)
	// Output:
	// hello
	// <nil> 1
}

func ExamplePool_Acquire() {
	ctx := context.Background()
	p, err := pool.New(sessions{}, pool.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close(ctx)

	lease, err := p.Acquire(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(lease.Conn().greeting)
	lease.Release()

	s := p.Stats()
	fmt.Println(s.Idle, "idle of at most", s.Max)
	// Output:
	// hello
	// 1 idle of at most 10
}
