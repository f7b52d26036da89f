// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/fxmodule/admin"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool"
)

const secret = "a-token-for-tests-0123456789"

var errDown = errors.New("connection <reset>")

// fleet is clients of backends in memory, watched by one Admin.
type fleet struct {
	*admin.Admin
	clients []*penstock.Client[int]
	down    []atomic.Bool // of each backend
}

// newFleet starts clients with these names. The end of the test closes them.
func newFleet(t *testing.T, names ...string) *fleet {
	t.Helper()
	a, err := admin.New(admin.Config{
		Service: "shop-api", TraceURL: "http://jaeger.example:16686/trace/{trace_id}",
		Tokens: []admin.Token{{By: "ann", Secret: secret}},
		Reload: func(context.Context, string) error {
			return errors.New("penstock.yaml:3: pool.max_size is 0: set 1 or more")
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{Admin: a, down: make([]atomic.Bool, len(names))}
	for _, name := range names {
		c, err := penstock.Open(t.Context(), penstock.Backend[int]{
			Factory: &coretest.Factory[int]{}, System: "memory", Address: "backend.example", Port: 7,
			Pool: pool.Config{Name: name, Mode: pool.Shared, MaxSize: 4},
		}, penstock.Config{
			Watchers: []penstock.Watcher{a},
			Chain: middleware.Config{
				Retry:   retry.Config{MaxRetries: 1, Interval: time.Millisecond},
				Breaker: breaker.Config{RecoveryTimeout: 300 * time.Millisecond, HalfOpenSuccesses: 1},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close(context.Background()) }) // an action may have closed it
		f.clients = append(f.clients, c)
	}
	return f
}

var search = core.Op{Name: "Search", Target: "docs", Safety: core.ReadOnly}

// do runs one operation of client i.
func (f *fleet) do(ctx context.Context, i int) {
	_, _ = core.Do(ctx, f.clients[i], search, func(context.Context, int) (int, error) { // the page shows how it ended
		if f.down[i].Load() {
			return 0, errDown
		}
		return 1, nil
	})
}

// load runs operations of every client in turn until the end of the test.
func (f *fleet) load(t *testing.T, every time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	running.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for ctx.Err() == nil {
			for i := range f.clients {
				f.do(ctx, i)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
}

// TestABreakerIsSeenToOpenAndToClose measures from the transition in the process to the words on the
// page. On a busy machine a single one may be late, so most of them decide.
func TestABreakerIsSeenToOpenAndToClose(t *testing.T) {
	f := newFleet(t, "docs", "images", "prices")
	f.load(t, 10*time.Millisecond)
	b := open(t, f, "#/client/docs", phone)
	b.live()
	b.wait(`document.querySelector('.breaker .big').innerText === 'closed'`)
	// The page notes when it shows each state.
	eval[bool](b, `(() => {
		const node = document.querySelector('.breaker .big');
		window.shown = [[node.innerText, Date.now()]];
		new MutationObserver(() => shown.at(-1)[0] !== node.innerText && shown.push([node.innerText, Date.now()])).observe(node, {subtree: true, characterData: true, childList: true});
		return true;
	})()`)
	var late []time.Duration
	const rounds = 3
	for range rounds {
		for _, down := range []bool{true, false} {
			want := map[bool]string{true: "open", false: "closed"}[down]
			at := moved(t, f.clients[0].Breaker(), want, func() { f.down[0].Store(down) })
			b.wait(fmt.Sprintf(`shown.some(([state, when]) => state === '%s' && when >= %d)`, want, at.UnixMilli()))
			when := eval[int64](b, fmt.Sprintf(`shown.find(([state, when]) => state === '%s' && when >= %d)[1]`, want, at.UnixMilli()))
			late = append(late, time.UnixMilli(when).Sub(at))
		}
	}
	slices.Sort(late)
	t.Logf("from a transition to the page: %v", late)
	if got := late[len(late)/2]; got > time.Second {
		t.Errorf("most transitions were shown after %v, want at most 1 s", got)
	}
	b.wait(`document.querySelectorAll('.history g:first-of-type rect').length >= 3`)
	b.steady()
}

// moved changes the backend, and returns when the breaker has reached the state because of it.
func moved(t *testing.T, br *breaker.Breaker, want string, change func()) time.Time {
	t.Helper()
	change()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if s := br.Snapshot(); s.State == want {
			return s.Timing.LastStateChange
		}
		<-time.After(time.Millisecond)
	}
	t.Fatalf("the breaker is not %s after %v", want, patience)
	return time.Time{}
}

func TestAnActionNeedsTheToken(t *testing.T) {
	f := newFleet(t, "docs", "images")
	f.load(t, 10*time.Millisecond)
	b := open(t, f, "#/client/docs", desk)
	b.expect("401")
	b.expect("409") // the reload
	b.live()

	press := func(action string) {
		b.click(`.action[data-action="` + action + `"]`)
	}
	token := func(secret string) {
		b.wait(`document.getElementById('token-dialog').open`)
		b.click("#token-input")
		b.key(secret + kb.Enter)
		b.wait(`!document.getElementById('token-dialog').open`)
	}
	confirm := func() {
		b.wait(`document.getElementById('confirm-dialog').open`)
		b.click("#confirm-ok")
	}
	state := func() string { return f.clients[0].Breaker().State().String() }

	// No token, no action: Esc leaves everything as it is.
	press("breaker_open")
	b.wait(`document.getElementById('token-dialog').open`)
	b.key(kb.Escape)
	b.wait(`!document.querySelector('dialog[open]')`)
	if got := state(); got != "closed" {
		t.Errorf("without a token the breaker is %s, want closed", got)
	}

	// A wrong token is refused, and asked for again.
	press("breaker_open")
	token("a-wrong-token-0123456789")
	confirm()
	b.wait(`document.getElementById('toast').dataset.state === 'bad' && document.getElementById('token-dialog').open`)
	if got := state(); got != "closed" {
		t.Errorf("with a wrong token the breaker is %s, want closed", got)
	}
	token(secret)
	b.wait(`document.querySelector('.breaker .big').innerText === 'forced-open'`)
	if got := state(); got != "forced_open" {
		t.Errorf("with the token the breaker is %s, want forced_open", got)
	}

	// From then on a confirmation is enough, and Esc takes it back.
	press("breaker_reset")
	b.wait(`document.getElementById('confirm-dialog').open`)
	b.key(kb.Escape)
	b.wait(`!document.querySelector('dialog[open]')`)
	if got := state(); got != "forced_open" {
		t.Errorf("after Esc the breaker is %s, want forced_open", got)
	}
	press("breaker_reset")
	confirm()
	b.wait(`document.querySelector('.breaker .big').innerText === 'closed'`)

	press("resize")
	b.wait(`document.getElementById('confirm-dialog').open`)
	eval[bool](b, `document.getElementById('confirm-input').value = 7, true`)
	confirm()
	b.wait(`document.querySelector('.pool-head').innerText.includes('of 7 connections')`)

	// What the process refuses is said in its own words.
	press("reload")
	confirm()
	b.wait(`document.getElementById('toast').innerText.includes('pool.max_size is 0')`)
}

func TestAFailedOperationIsSeenAsATree(t *testing.T) {
	f := newFleet(t, "docs", "images")
	f.down[0].Store(true)
	b := open(t, f, "#/client/docs", desk)
	b.live()
	f.do(t.Context(), 0)
	b.wait(`document.querySelector('.operations tbody .tag')?.innerText === 'failed'`)
	b.click(".operations .open")
	b.wait(`document.querySelectorAll('.tree .span').length >= 3`)
	if got := b.text("#operation-dialog"); strings.Count(got, errDown.Error()) < 2 {
		t.Errorf("the dialog does not show the error of each of 2 attempts:\n%s", got)
	}
}

// TestAChangeOfTheSettingsIsSeen on a phone: when, by whom, and what became what; then a change that is refused.
func TestAChangeOfTheSettingsIsSeen(t *testing.T) {
	f := newFleet(t, "docs", "images")
	b := open(t, f, "#/client/docs", phone)
	b.live()
	b.wait(`document.querySelector('.changes').innerText.includes('as they were')`)
	b.click(".client-head button")
	b.wait(`document.getElementById('settings-body').innerText.includes('retry.max_retries')`)
	b.key(kb.Escape)

	change := f.clients[0].Settings()
	change.By = "ann <ann@example>"
	change.Pool.MaxSize, change.Config.Chain.Retry.MaxRetries = 6, 2
	b.check(f.clients[0].Reconfigure(t.Context(), change))
	b.wait(`document.querySelectorAll('.changes ol > li').length === 1 && document.querySelector('.changes code')`)
	at := f.clients[0].Generation().At
	for _, want := range []string{at.Format("15:04:05"), change.By, "configuration 2", "pool.max_size 4 → 6", "retry.max_retries 1 → 2"} {
		if got := b.text(".changes"); !strings.Contains(got, want) {
			t.Errorf("the changes are %q, want %q in them", got, want)
		}
	}
	b.click(".client-head button")
	b.wait(`[...document.querySelectorAll('#settings-body tr')].some((r) => r.innerText.replace(/\s+/g, ' ').trim() === 'retry.max_retries 2')`)
	b.key(kb.Escape)

	change.By, change.Pool.MinSize = "bob", 7
	if err := f.clients[0].Reconfigure(t.Context(), change); err == nil {
		t.Fatal("a change to settings that contradict each other is accepted")
	}
	b.wait(`document.querySelector('.changes ol > li').innerText.includes('MinSize')`)
	if got := b.text(".changes ol > li"); !strings.Contains(got, "bob refused") || !strings.Contains(got, "1 change refused so far") {
		t.Errorf("the first line of the changes is %q, want the change that was refused", got)
	}
	b.steady()
}
