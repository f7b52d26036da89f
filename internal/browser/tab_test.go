// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/penstock-go/penstock/internal/servers"
)

// patience is how long a test waits for what is sure to come, on a machine that is busy.
const patience = 30 * time.Second

// observe runs in each document before its own scripts. It notes what moves and what the policy refuses.
const observe = `
window.seen = {shifts: [], refused: []};
new PerformanceObserver((list) => {
	for (const e of list.getEntries()) seen.shifts.push(e.value.toFixed(5) + (e.hadRecentInput ? ' after input' : '') + ' of ' +
		(e.sources ?? []).map((s) => { const n = s.node?.nodeType === 3 ? s.node.parentNode : s.node; const r = (b) => Math.round(b.x) + ',' + Math.round(b.y) + '+' + Math.round(b.width) + 'x' + Math.round(b.height);
			return (n?.closest?.('[id],[class]')?.outerHTML ?? n?.nodeName ?? '?').slice(0, 90) + ' ' + r(s.previousRect) + ' to ' + r(s.currentRect); }).join('; '));
}).observe({type: 'layout-shift', buffered: true});
document.addEventListener('securitypolicyviolation', (e) => seen.refused.push(e.violatedDirective + ' ' + e.blockedURI));
`

// tab is a page in a Chromium of its own. The end of the test checks that the page asked nothing of
// another origin, and that the console has no error and no refusal of the policy.
type tab struct {
	*testing.T
	ctx  context.Context
	base string

	mu       sync.Mutex // guards the fields below
	requests []string
	errors   []string
	expected []string // parts of errors that the test provokes
}

// open serves the handler on loopback, and opens the address of the page, such as "#/", in a window of that width.
func open(t *testing.T, h http.Handler, address string, width int64, more ...*emulation.MediaFeature) *tab {
	t.Helper()
	return openWith(t, nil, h, address, width, more...)
}

// openWith is open with further flags of Chromium.
func openWith(t *testing.T, flags []chromedp.ExecAllocatorOption, h http.Handler, address string, width int64, more ...*emulation.MediaFeature) *tab {
	t.Helper()
	path := servers.Chromium(t)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections) // before Close, which waits for the streams
	alloc, cancel := chromedp.NewExecAllocator(t.Context(), slices.Concat(chromedp.DefaultExecAllocatorOptions[:], flags, []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.NoSandbox})...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	b := &tab{T: t, ctx: ctx, base: server.URL + "/"}
	call(b, cdplog.Enable, cdp.Empty{})
	call(b, network.Enable, network.EnableParams{})
	call(b, runtime.Enable, cdp.Empty{})
	b.check(chromedp.Listen(ctx, b.event))
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: observe})
	b.media(more...)
	b.size(width, 900)
	b.check(chromedp.Do(ctx, chromedp.Navigate(b.base+address)))
	t.Cleanup(b.clean)
	return b
}

func call[P, R any](b *tab, c cdp.Command[P, R], params P) R {
	b.Helper()
	r, err := chromedp.Call(b.ctx, c, params)
	if err != nil {
		b.Fatalf("%s: %v", c.Method, err)
	}
	return r
}

func (b *tab) check(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *tab) event(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := ev.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *cdplog.EventEntryAdded:
		b.errors = append(b.errors, fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		b.errors = append(b.errors, "exception: "+text)
	case *runtime.EventConsoleAPICalled:
		b.errors = append(b.errors, fmt.Sprintf("console.%s", e.Type))
	}
}

// expect lets the console have errors with that part.
func (b *tab) expect(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, part)
}

func (b *tab) clean() {
	if refused, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`seen.refused`)); err == nil && len(refused) > 0 {
		b.Errorf("the policy refused %q", refused)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) == 0 {
		b.Error("no request was seen")
	}
	for _, url := range b.requests {
		if !strings.HasPrefix(url, b.base) {
			b.Errorf("the page asked for %s, which is not of its origin %s", url, b.base)
		}
	}
	for _, line := range b.errors {
		if !containsAny(line, b.expected) {
			b.Errorf("the console says %s", line)
		}
	}
}

func containsAny(s string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

// size sets the size of the window. A narrow one is a phone.
func (b *tab) size(width, height int64) {
	b.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 500})
}

func (b *tab) media(features ...*emulation.MediaFeature) {
	b.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
}

// eval returns the value of an expression, a promise awaited.
func eval[T any](b *tab, js string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("%s: %v", js, err)
	}
	return v
}

// wait returns when the expression is true. The failure says what the page shows.
func (b *tab) wait(js string) {
	b.Helper()
	done := eval[bool](b, fmt.Sprintf(`new Promise((done) => {
		const until = performance.now() + %d;
		const ask = () => { let ok = false; try { ok = !!(%s) } catch {} ok ? done(true) : performance.now() > until ? done(false) : setTimeout(ask, 15) };
		ask();
	})`, patience.Milliseconds(), js))
	if !done {
		b.Fatalf("waited %s in vain for %s; the page shows:\n%s", patience, js, eval[string](b, `document.body.innerText`))
	}
}

// live waits until the page shows figures of now.
func (b *tab) live() {
	b.Helper()
	b.wait(`document.getElementById('live').dataset.state === 'live' && document.querySelector('main').innerText.length > 40`)
}

// messages waits until the page has changed n times.
func (b *tab) messages(n int) {
	b.Helper()
	eval[bool](b, fmt.Sprintf(`new Promise((done) => {
		let n = 0;
		const target = document.querySelector('main');
		const watch = new MutationObserver(() => requestAnimationFrame(() => { if (++n >= %d) { watch.disconnect(); done(true); } }));
		watch.observe(target, {subtree: true, childList: true, characterData: true, attributes: true});
	})`, n))
}

// text is the text of the first element that fits, "" if none does.
func (b *tab) text(selector string) string {
	b.Helper()
	return eval[string](b, fmt.Sprintf(`document.querySelector(%s)?.innerText ?? ''`, quote(selector)))
}

func (b *tab) click(selector string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	b.check(chromedp.Do(ctx, chromedp.Click(selector)))
}

func (b *tab) key(keys string) {
	b.Helper()
	b.check(chromedp.Do(b.ctx, chromedp.KeyEvent(keys)))
}

func quote(s string) string {
	j, _ := json.Marshal(s) // a string
	return string(j)
}
