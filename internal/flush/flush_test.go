// SPDX-License-Identifier: Apache-2.0

package flush_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/internal/flush"
)

// log is what happened, in order.
type log struct {
	mu    sync.Mutex
	lines []string
}

func (l *log) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *log) is(t *testing.T, want ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.lines, want) {
		t.Errorf("%q, want %q", l.lines, want)
	}
}

// provider is one whose collector does not answer.
type provider struct {
	name string
	log  *log
	deaf bool // ignores its context
}

func (p *provider) ForceFlush(ctx context.Context) error {
	p.log.add("flush " + p.name)
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
			var log log
			begin := time.Now()
			err := flush.Close(t.Context(), &provider{"a", &log, deaf}, func(context.Context) error {
				log.add("close")
				return nil
			})
			if took := time.Since(begin); err != nil || took != 2*time.Second {
				t.Errorf("Close = %v after %v, want 2s", err, took)
			}
			log.is(t, "flush a", "close")
			time.Sleep(time.Hour)
		})
	}
}

func TestLaterFlushesEachProviderOnceAndClosesAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			l      flush.Later
			log    log
			broken = errors.New("broken")
			a      = &provider{"a", &log, false}
			ours   = &provider{"ours", &log, false}
		)
		closer := func(name string, err error) func(context.Context) error {
			return func(context.Context) error { log.add("close " + name); return err }
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
		log.is(t) // nothing before the Later is closed
		begin := time.Now()
		left, err := l.Close(t.Context(), ours)
		if took := time.Since(begin); !errors.Is(err, broken) || took != 2*time.Second || len(left) != 1 {
			t.Errorf("Close = %d closers, %v after %v, want one, %v, 2s", len(left), err, took, broken)
		}
		_ = left[0](t.Context())
		log.is(t, "flush a", "close 1", "close 2", "close 4", "close 5", "close 6", "close 3")
		if left, err := l.Close(t.Context(), nil); len(left) > 0 || err != nil {
			t.Errorf("a second Close = %d closers, %v, want nothing", len(left), err)
		}
	})
}
