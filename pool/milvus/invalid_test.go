// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func TestAMistakeThatTheSDKFindsIsAnInvalidRequest(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	createDocs(t, c, "v")
	loadDocs(t, c, "v")
	ids := entity.NewColumnInt64("id", []int64{1})
	for name, call := range map[string]func(context.Context) error{
		"a column is missing": func(ctx context.Context) error { _, err := c.Insert(ctx, "docs", "", ids); return err },
		"of another type": func(ctx context.Context) error {
			_, err := c.Upsert(ctx, "docs", "", entity.NewColumnVarChar("id", []string{"1"}), entity.NewColumnFloatVector("v", 2, [][]float32{{1, 2}}))
			return err
		},
		"a timestamp without its level": func(ctx context.Context) error {
			_, err := c.Query(ctx, "docs", nil, "id > 0", []string{"id"}, client.WithGuaranteeTimestamp(7))
			return err
		},
		"a schema without a key": func(ctx context.Context) error {
			return c.CreateCollection(ctx, entity.NewSchema().WithName("other"), 1)
		},
		"keys of another type": func(ctx context.Context) error {
			return c.DeleteByPks(ctx, "docs", "", entity.NewColumnFloat("id", []float32{1}))
		},
	} {
		err := call(t.Context())
		if got := core.ErrorType(err); got != "invalid_request" {
			t.Errorf("%s: %v has type %q, want invalid_request", name, err, got)
		}
		if class := milvus.Classify(err); class.Verdict != core.Neutral || class.Retry != core.RetryNever || class.Conn != core.Keep {
			t.Errorf("%s: %v is %v, want neutral and never again", name, err, class)
		}
	}
}

func TestOtherErrorsAreNoInvalidRequests(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	_, ofServer := c.Query(t.Context(), "nowhere", nil, "id > 0", []string{"id"})
	_, ofCaller := c.Query(canceled, "nowhere", nil, "id > 0", []string{"id"})
	for name, err := range map[string]error{"server": ofServer, "caller": ofCaller, "function": errors.New("mine")} {
		if got := core.ErrorType(err); got == "invalid_request" || err == nil {
			t.Errorf("%s: %v has type %q", name, err, got)
		}
	}
}

func TestRowsThatDoNotFitAreAnErrorWithARemedyAndWithoutTheRows(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	createDocs(t, c, "v")
	ids := entity.NewColumnInt64("id", []int64{1})
	v := entity.NewColumnFloatVector("v", 2, [][]float32{{1, 2}})
	for name, columns := range map[string][]entity.Column{
		"of another type": {entity.NewColumnVarChar("id", []string{"hunter2\nk3y"}), v},
		"one is missing":  {ids},
		"of two lengths":  {entity.NewColumnInt64("id", []int64{1, 2}), v},
		"unknown":         {ids, v, entity.NewColumnVarChar("x", []string{"hunter2"})},
	} {
		_, err := c.Insert(t.Context(), "docs", "", columns...)
		if err == nil || !strings.Contains(err.Error(), "DescribeCollection") || strings.ContainsAny(err.Error(), "\n<") {
			t.Errorf("%s: Insert = %v, want an error in one line with what to do", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: Insert = %v, which has a value of a row", name, err)
		}
	}
}
