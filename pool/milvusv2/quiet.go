// SPDX-License-Identifier: Apache-2.0

package milvusv2

import (
	"context"

	"github.com/milvus-io/milvus/pkg/v2/log"
	"go.uber.org/zap"
)

// silent is a logger of Milvus that logs nothing.
var silent = &log.MLogger{Logger: zap.NewNop()}

// quietly returns ctx with a logger that logs nothing, for the SDK's retry of a write. The
// retry would log each refusal to stdout, through a logger of the whole process, even one
// that the caller gets as an error. A logger that the caller put into ctx stays.
func quietly(ctx context.Context) context.Context {
	if ctx.Value(log.CtxLogKey) != nil {
		return ctx
	}
	return context.WithValue(ctx, log.CtxLogKey, silent)
}
