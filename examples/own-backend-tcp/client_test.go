// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core/coretest"
)

// scripted returns a fake factory: it dials into a server that gives these
// answers, one after the other, and ends the connection for the answer "".
func scripted(answers ...string) *coretest.Factory[*Conn] {
	next := 0
	serve := func(conn net.Conn) {
		defer conn.Close()
		for lines := bufio.NewScanner(conn); next < len(answers) && lines.Scan(); {
			answer := answers[next]
			next++
			if answer == "" {
				return
			}
			fmt.Fprintln(conn, answer)
		}
	}
	return &coretest.Factory[*Conn]{
		OnDial: func(context.Context, int) (*Conn, error) {
			ours, theirs := net.Pipe()
			go serve(theirs)
			return newConn(ours), nil
		},
		OnClose: func(_ context.Context, c *Conn) error { return c.conn.Close() },
	}
}

// The recorder writes down what telemetry would be told. In the bubble of
// synctest the waits take no time.
func TestABusyServerIsAskedAgainWhenItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var recorder coretest.Recorder
		client, err := penstock.Open(t.Context(), penstock.Backend[*Conn]{
			Factory:    scripted("BUSY 50", "OK"),
			Classifier: classify,
		}, penstock.Config{Observer: &recorder})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		attempts, err := setColor(t.Context(), client)
		if took := time.Since(begin); attempts != 2 || err != nil || took < 50*time.Millisecond {
			t.Errorf("Set took %v and %d attempts: %v; want 2 attempts, at least 50 ms apart", took, attempts, err)
		}
		if err := client.Close(t.Context()); err != nil {
			t.Error(err)
		}
		want := []string{
			"begin connect", "end connect",
			"begin operation Set",
			"retry #1 rate_limited",
			"wait",
			"begin attempt Set #2", "end attempt Set #2",
			"retry_end #2 recovered rate_limited",
			"end operation Set",
		}
		if got := recorder.Lines(); !slices.Equal(got, want) {
			t.Errorf("recorded\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// An exporter in memory keeps the spans that Jaeger would show.
func TestALostConnectionShowsInTheSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spans := tracetest.NewInMemoryExporter()
		client, err := penstock.Open(t.Context(), penstock.Backend[*Conn]{
			Factory:    scripted("", `VALUE "blue"`),
			Classifier: classify,
			System:     "kv",
		}, penstock.Config{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))})
		if err != nil {
			t.Fatal(err)
		}
		if value, attempts, err := getKey(t.Context(), client, "color"); value != "blue" || attempts != 2 || err != nil {
			t.Errorf("Get = %q, %v after %d attempts, want blue after 2", value, err, attempts)
		}
		if err := client.Close(t.Context()); err != nil {
			t.Error(err)
		}
		operation := slices.IndexFunc(spans.GetSpans(), func(s tracetest.SpanStub) bool { return s.Name == "Get" })
		if operation < 0 {
			t.Fatalf("no span Get in %v", spans.GetSpans())
		}
		attributes := map[string]string{}
		for _, kv := range spans.GetSpans()[operation].Attributes {
			attributes[string(kv.Key)] = kv.Value.String()
		}
		for key, want := range map[string]string{"db.system.name": "kv", "penstock.retry.attempts": "2", "penstock.retry.outcome": "recovered"} {
			if attributes[key] != want {
				t.Errorf("%s = %q, want %q", key, attributes[key], want)
			}
		}
	})
}
