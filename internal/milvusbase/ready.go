// SPDX-License-Identifier: Apache-2.0

package milvusbase

import (
	"errors"
	"fmt"
	"strings"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/errtype"
	"github.com/penstock-go/penstock/pool"
)

// ErrNotReady is milvus.ErrNotReady.
var ErrNotReady = core.Sentinel("milvus: not healthy", "unhealthy")

// Health returns what the server's answer about its health says: err, or an error that
// matches ErrNotReady with the reasons, or nil.
func Health(healthy bool, reasons []string, err error) error {
	if err == nil && !healthy {
		err = fmt.Errorf("%w: %s", ErrNotReady, strings.Join(reasons, "; "))
	}
	return err
}

// Readiness returns what a readiness check answers if the question to the server failed
// with err. A server that limits the rate of requests is ready, and so is a client whose
// connections are all in use.
func Readiness(err error) error {
	if full, ok := errors.AsType[*pool.AcquireError](err); ok && full.LastDial == nil && full.InUse > 0 {
		return nil
	}
	if failed, ok := errors.AsType[*core.Error](err); ok && failed.Outcome.ErrorType == errtype.RateLimited {
		return nil
	}
	return err
}
