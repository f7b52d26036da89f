// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"google.golang.org/grpc/codes"
)

// Record is a request and what a server answered.
type Record struct {
	Request string  `json:"request"`
	Outcome Outcome `json:"outcome"`
}

// Run answers the groups on the target, several groups at once, each in a database of its
// own. It calls done, one at a time, as each group ends.
func Run(ctx context.Context, target Target, groups []Group, atOnce int, done func(group int, records []Record)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	var mu sync.Mutex // serializes done, and guards errs
	var errs []error
	for worker := range atOnce {
		wg.Go(func() {
			for at := range next {
				records, err := answerAll(ctx, target, fmt.Sprintf("differential_%d", worker), groups[at].all())
				if err != nil {
					mu.Lock()
					errs = append(errs, fmt.Errorf("%s: %w", groups[at].Name, err))
					mu.Unlock()
					cancel(err)
					return
				}
				mu.Lock()
				done(at, records)
				mu.Unlock()
			}
		})
	}
	for at := range groups {
		select {
		case next <- at:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return errors.Join(append(errs, context.Cause(ctx))...)
}

func answerAll(ctx context.Context, target Target, database string, requests []Request) ([]Record, error) {
	s, err := open(ctx, target, database)
	if err != nil {
		return nil, err
	}
	defer s.close(context.WithoutCancel(ctx))
	records := make([]Record, 0, len(requests))
	for _, r := range requests {
		out, err := s.answer(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("%w during %s", err, r.String())
		}
		if out.Code == codeGRPC-int32(codes.Unavailable) {
			return nil, fmt.Errorf("the server is gone (%s) during %s", out.Reason, r.String())
		}
		records = append(records, Record{r.String(), out})
	}
	return records, s.clear(ctx)
}
