// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/penstock-go/penstock/otelx"
)

// API is a client of the site. It serves many callers at once, so the pool lends
// it shared.
type API struct {
	site Site
	http *http.Client
}

// StatusError is an answer of the site that is no result.
type StatusError struct {
	Code       int
	RetryAfter time.Duration // when to come back; zero if the site does not say
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%d %s", e.Code, http.StatusText(e.Code))
}

// Get returns what is at the path.
func (a *API) Get(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.site.URL+path, http.NoBody)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+a.site.Token)
	// The trace goes on at the other side.
	otelx.Inject(ctx, propagation.HeaderCarrier(req.Header))
	res, err := a.http.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", &StatusError{res.StatusCode, retryAfter(res.Header.Get("Retry-After"))}
	}
	return string(body), nil
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil {
		return time.Duration(min(max(seconds, 0), 3600)) * time.Second
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return max(time.Until(at), 0)
}
