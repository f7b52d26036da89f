// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"time"

	"github.com/penstock-go/penstock/internal/diagnose/diagnosis"
)

// Diagnose says what is wrong with the service. The begin of the window has to be a time
// at which the service was well: what is slow is slow compared to that.
func (c *Client) Diagnose(ctx context.Context, service string, begin, end time.Time) (diagnosis.Verdict, error) {
	v := c.view(ctx, service, begin, end)
	verdict := judge(v)
	if v.err != nil {
		return diagnosis.Verdict{}, v.err
	}
	return verdict, nil
}
