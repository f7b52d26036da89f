// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/ratelimit"
)

const (
	maxRequest = 2 * time.Second // deadline of a request that sets none
	maxTop     = 16

	// statusClientGone is what nginx logs for a caller that has gone. Nobody reads the
	// answer, but spans and metrics of the server have it.
	statusClientGone = 499
)

// serve answers GET /colors/nearest?rgb=ff8800&top=3. The header X-Request-Timeout says
// how long the caller waits, as a duration such as 250ms.
func (c *Colors) serve(w http.ResponseWriter, r *http.Request) {
	rgb, top, limit, err := parse(r)
	if err != nil {
		answer(w, http.StatusBadRequest, problem{Error: err.Error()})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	found, err := c.Nearest(ctx, rgb, top)
	if err != nil {
		status := statusOf(r.Context(), err)
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", strconv.Itoa(retryAfter(err)))
		}
		// The text of an error may name hosts. Its type is one of a few words.
		answer(w, status, problem{Error: http.StatusText(status), Type: core.ErrorType(err)})
		return
	}
	answer(w, http.StatusOK, map[string][]Match{"colors": found})
}

// problem is the body of an answer that is no result.
type problem struct {
	Error string `json:"error"`
	Type  string `json:"type,omitempty"`
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails if the caller has gone
}

func parse(r *http.Request) (rgb []byte, top int, limit time.Duration, err error) {
	query := r.URL.Query()
	rgb, err = hex.DecodeString(query.Get("rgb"))
	if err != nil || len(rgb) != 3 {
		return nil, 0, 0, fmt.Errorf("rgb is %.20q: give six hexadecimal digits, such as ff8800", query.Get("rgb"))
	}
	top = 3
	if text := query.Get("top"); text != "" {
		if top, err = strconv.Atoi(text); err != nil || top < 1 || top > maxTop {
			return nil, 0, 0, fmt.Errorf("top is %.20q: give a number from 1 to %d", text, maxTop)
		}
	}
	limit = maxRequest
	if text := r.Header.Get("X-Request-Timeout"); text != "" {
		wanted, err := time.ParseDuration(text)
		if err != nil || wanted <= 0 {
			return nil, 0, 0, fmt.Errorf("X-Request-Timeout is %.20q: give a duration, such as 250ms", text)
		}
		limit = min(limit, wanted)
	}
	return rgb, top, limit, nil
}

// statusOf returns the status for an error of an operation. caller is the context of the
// request, without the deadline that the service gave it.
func statusOf(caller context.Context, err error) int {
	switch {
	case caller.Err() != nil:
		return statusClientGone
	case errors.Is(err, core.ErrRejected): // open breaker, shut gate, full bulkhead: Milvus was not asked
		return http.StatusServiceUnavailable
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, core.ErrTimeout):
		return http.StatusGatewayTimeout
	case errors.Is(err, core.ErrConnection): // no connection, or all attempts failed
		return http.StatusServiceUnavailable
	default:
		return http.StatusBadGateway
	}
}

// retryAfter returns when the caller should come back, in seconds, at least one.
func retryAfter(err error) int {
	var wait time.Duration
	if open, ok := errors.AsType[*breaker.OpenError](err); ok {
		wait = open.RetryAfter
	} else if limited, ok := errors.AsType[*ratelimit.LimitedError](err); ok {
		wait = limited.RetryAfter
	} else if failed, ok := errors.AsType[*core.Error](err); ok {
		wait = failed.Outcome.RetryAfter // a hint of Milvus
	}
	return max(1, int(math.Ceil(wait.Seconds())))
}
