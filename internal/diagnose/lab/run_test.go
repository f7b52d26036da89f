// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/diagnose/lab"
)

func equal(a, b any) bool { return reflect.DeepEqual(a, b) }

// collector counts the exports that it gets.
func collector(t *testing.T) (url string, exports *atomic.Int64) {
	t.Helper()
	exports = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/traces" {
			exports.Add(1)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, exports
}

func options(t *testing.T, otlp string) lab.Options {
	t.Helper()
	targets, err := lab.NewTargets(filepath.Join(t.TempDir(), "targets.json"))
	if err != nil {
		t.Fatal(err)
	}
	return lab.Options{OTLP: otlp, Targets: targets, Well: time.Second, Ill: 2 * time.Second, Around: time.Millisecond}
}

// The load has about 25 requests a second, so that there are some in every window.
func TestAServiceIsWellUntilItsFaultBegins(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	otlp, exports := collector(t)
	o := options(t, otlp)
	var done atomic.Int64
	o.Done = func(lab.Result) { done.Add(1) }
	cases := []lab.Case{{Kind: "backend_down", Seed: 1}, {Kind: "wrong_collection", Seed: 1}}
	results, err := lab.Run(t.Context(), cases, o)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		switch {
		case r.Case != cases[i]:
			t.Errorf("result %d is of %v, want %v", i, r.Case, cases[i])
		case !strings.HasPrefix(r.Service, "svc-") || strings.Contains(r.Service, r.Kind):
			t.Errorf("%s: the service is called %q", r.Kind, r.Service)
		case r.Before.Requests == 0 || r.After.Requests == 0 || r.After.Failed == 0:
			t.Errorf("%s: before %+v, after %+v, want failures after", r.Kind, r.Before, r.After)
		case !r.Named || r.Part == "":
			t.Errorf("%s: named %t in part %q", r.Kind, r.Named, r.Part)
		case !r.Begin.Before(r.Broken) || !r.Broken.Before(r.End):
			t.Errorf("%s: the window is %v to %v, the fault began at %v", r.Kind, r.Begin, r.End, r.Broken)
		}
	}
	if exports.Load() == 0 {
		t.Error("no traces were exported")
	}
	if done.Load() < 2 {
		t.Errorf("Done was called %d times, want one for each run", done.Load())
	}
}

func TestARunEndsWithItsContext(t *testing.T) {
	otlp, _ := collector(t)
	o := options(t, otlp)
	o.Well = time.Hour
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := lab.Run(ctx, []lab.Case{{Kind: lab.Healthy, Seed: 1}}, o); !errors.Is(err, cause) {
		t.Errorf("Run = %v, want %v", err, cause)
	}
}

func TestAnUnknownKindIsAnError(t *testing.T) {
	otlp, _ := collector(t)
	if _, err := lab.Run(t.Context(), []lab.Case{{Kind: "earthquake"}}, options(t, otlp)); err == nil || !strings.Contains(err.Error(), "earthquake") {
		t.Errorf("Run = %v, want an error that names the kind", err)
	}
}
