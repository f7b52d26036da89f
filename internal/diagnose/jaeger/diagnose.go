// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"context"
	"time"

	"github.com/penstock-go/penstock/internal/diagnose/diagnosis"
)

// Diagnose says what is wrong with the service, by the first of the rules that its traces
// satisfy. If something is out of the ordinary that no rule explains, then the fault is
// unknown, and the part is the one where it shows. The first quarter of the window is
// taken to be healthy.
func (c *Client) Diagnose(ctx context.Context, service string, begin, end time.Time) (diagnosis.Verdict, error) {
	traces, err := c.Traces(ctx, Search{Service: service, Begin: begin, End: end})
	if err != nil {
		return diagnosis.Verdict{}, err
	}
	return diagnose(newWindow(traces, begin, end)), nil
}

func diagnose(w *window) diagnosis.Verdict {
	for _, r := range rules {
		if p := r.match(w); p != nil {
			return diagnosis.Verdict{Kind: r.kind, Part: r.part, Evidence: p.traces, Why: p.why}
		}
	}
	return unexplained(w)
}
