// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/fxmodule/admin"
	"github.com/penstock-go/penstock/pool"
)

// quietly returns a client named docs without a health monitor.
func quietly(tb testing.TB, cfg penstock.Config) *penstock.Client[int] {
	tb.Helper()
	c, err := penstock.Open(context.Background(), penstock.Backend[int]{
		Factory: struct{ pool.Factory[int] }{&coretest.Factory[int]{}}, Classifier: classify, Pool: pool.Config{Name: "docs"},
	}, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// looking opens streams that look at docs, and returns a function that closes them.
func looking(tb testing.TB, a *admin.Admin, streams int) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var ended []chan struct{}
	for range streams {
		done := make(chan struct{})
		ended = append(ended, done)
		go func() {
			defer close(done)
			a.ServeHTTP(&reader{head: http.Header{}}, request("GET", "/events?client=docs", "").WithContext(ctx))
		}()
	}
	return func() {
		cancel()
		for _, done := range ended {
			<-done
		}
	}
}
