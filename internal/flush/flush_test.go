// SPDX-License-Identifier: Apache-2.0

package flush_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/internal/flush"
)

// provider is one whose collector does not answer.
type provider struct {
	name string
	log  *[]string
	deaf bool // ignores its context
}

func (p *provider) ForceFlush(ctx context.Context) error {
	*p.log = append(*p.log, "flush "+p.name)
	if p.deaf {
		time.Sleep(time.Hour)
	}
	<-ctx.Done()
	return ctx.Err()
}

// plain has nothing to flush, and cannot be compared.
type plain struct{ _ []int }

func TestAFlushEndsAlsoWithoutACollector(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var log []string
			begin := time.Now()
			err := flush.Close(t.Context(), &provider{"a", &log, deaf}, func(context.Context) error {
				log = append(log, "close")
				return nil
			})
			if took := time.Since(begin); err != nil || took != 2*time.Second {
				t.Errorf("Close = %v after %v, want 2s", err, took)
			}
			if want := []string{"flush a", "close"}; !slices.Equal(log, want) {
				t.Errorf("%q, want %q", log, want)
			}
			time.Sleep(time.Hour)
		})
	}
}

func TestLaterFlushesEachProviderOnceAndClosesAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			l      flush.Later
			log    []string
			broken = errors.New("broken")
			a      = &provider{"a", &log, false}
			ours   = &provider{"ours", &log, false}
		)
		closer := func(name string, err error) func(context.Context) error {
			return func(context.Context) error { log = append(log, "close "+name); return err }
		}
		ctx := l.With(t.Context())
		for _, c := range []struct {
			provider any
			name     string
			err      error
		}{{a, "1", nil}, {a, "2", broken}, {ours, "3", nil}, {plain{}, "4", nil}, {plain{}, "5", nil}, {nil, "6", nil}} {
			if err := flush.Close(ctx, c.provider, closer(c.name, c.err)); err != nil {
				t.Errorf("Close of %s = %v", c.name, err)
			}
		}
		if len(log) > 0 {
			t.Errorf("%q before the Later was closed", log)
		}
		begin := time.Now()
		left, err := l.Close(t.Context(), ours)
		if took := time.Since(begin); !errors.Is(err, broken) || took != 2*time.Second || len(left) != 1 {
			t.Errorf("Close = %d closers, %v after %v, want one, %v, 2s", len(left), err, took, broken)
		}
		_ = left[0](t.Context())
		if want := []string{"flush a", "close 1", "close 2", "close 4", "close 5", "close 6", "close 3"}; !slices.Equal(log, want) {
			t.Errorf("%q, want %q", log, want)
		}
		if left, err := l.Close(t.Context(), nil); len(left) > 0 || err != nil {
			t.Errorf("a second Close = %d closers, %v, want nothing", len(left), err)
		}
	})
}
