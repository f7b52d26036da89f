// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp/kb"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule/admin"
	"github.com/penstock-go/penstock/internal/browser/stub"
)

func TestTheOverviewHasTheWorstFirstAndASearch(t *testing.T) {
	b := open(t, stub.New(50, nil, "docs", "images", "prices"), "#/", 1280)
	b.live()
	if n := eval[int](b, `document.querySelectorAll('.clients tbody tr').length`); n != 50 {
		t.Errorf("the overview has %d lines, want 50", n)
	}
	states := eval[[]string](b, `[...document.querySelectorAll('.clients tbody tr')].map((r) => r.dataset.status)`)
	if got := strings.Join(states, " "); !strings.HasPrefix(got, "bad bad") || !strings.HasSuffix(got, "ok ok") || strings.Contains(got, "ok warn") || strings.Contains(got, "warn bad") {
		t.Errorf("the states are in the order %s, want bad, warn, ok", got)
	}
	// One event, so that the page can keep the letter out of the field, as with a real key.
	call(b, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "/", Text: "/"})
	b.wait(`document.activeElement.id === 'search'`)
	b.key("images")
	b.wait(`document.querySelectorAll('.clients tbody tr').length === 13`)
	b.key(" 49")
	b.wait(`document.querySelectorAll('.clients tbody tr').length === 1`)
	b.key(kb.Enter)
	b.wait(`document.querySelector('.client-name')?.innerText === 'milvus images 49'`)
	b.wait(`document.querySelectorAll('.flow .name').length > 5`)
}

func TestOneClientNeedsNoOverview(t *testing.T) {
	b := open(t, stub.New(1, nil, "docs"), "", 1280)
	b.live()
	b.wait(`document.querySelector('.client-name')?.innerText === 'docs'`)
}

func TestThePageSaysThatThereIsNothing(t *testing.T) {
	b := open(t, stub.New(0, nil), "", 1280)
	b.wait(`document.querySelector('main').innerText.includes('This process has no client yet')`)

	b = open(t, stub.New(2, func(s *admin.State) {
		for i := range s.Clients {
			c := &s.Clients[i]
			c.Operations, c.Points, c.Breaker, c.Gate, c.Flow, c.State = nil, nil, nil, nil, nil, nil
		}
	}, "docs"), "#/client/docs", 1280)
	b.live()
	b.wait(`document.querySelector('.operations-card .empty').checkVisibility()`)

	b = open(t, stub.New(2, nil, "docs"), "#/client/gone", 1280)
	b.wait(`document.querySelector('main').innerText.includes('There is no client named gone')`)
}

func TestTextIsNeverMarkup(t *testing.T) {
	const evil = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>&amp;`
	b := open(t, stub.New(3, func(s *admin.State) {
		s.Service.Name = evil
		s.TraceURL = "javascript:alert(1)//{trace_id}"
		for i := range s.Clients {
			c := &s.Clients[i]
			c.Why, c.System, c.ChangedBy = evil, evil, evil
			if c.State == nil {
				continue
			}
			c.State.Address, c.State.Chain.Warnings = evil, []string{evil}
			c.State.Changes = []penstock.AppliedChange{{Generation: 2, By: evil, Changed: []penstock.SettingChange{{Key: evil, Old: evil, New: evil}}}}
			c.State.Refused = &penstock.RefusedChanges{Count: 1, By: evil, Why: evil}
			c.State.Chain.Stages[0].Text, c.State.Pools[0].Holders[0].Operation = evil, evil
			c.Flow.Stages[0].Name, c.Flow.Stages[0].State = evil, evil
			for n := range c.Operations {
				o := &c.Operations[n]
				o.Name, o.Target, o.Reason, o.Error, o.TraceID = evil, evil, evil, evil, evil
				o.Tree = &admin.Span{Kind: evil, Name: evil, Reason: evil, Error: evil, Details: []admin.Pair{{Key: evil, Value: evil}}}
			}
		}
	}, evil), "#/", 1280)
	b.live()
	b.click(".clients a")
	b.wait(`document.querySelector('.operations .open')`)
	b.click(".operations .open")
	b.wait(`document.querySelector('.tree')`)
	if got := b.text("#operation-title"); !strings.Contains(got, "<script>") {
		t.Errorf("the title of the dialog is %q, want the text as it is", got)
	}
	b.key(kb.Escape)
	if got := b.text(".changes"); strings.Count(got, "<script>") < 6 {
		t.Errorf("the changes are %q, want the texts as they are", got)
	}
	b.click(".client-head button")
	b.wait(`document.getElementById('settings-body').innerText.includes('<script>')`)
	if n := eval[int](b, `document.querySelectorAll('main img, main script, dialog img, dialog script, [onerror]').length`); n != 0 {
		t.Errorf("%d elements were made of texts", n)
	}
	if got := eval[string](b, `document.title`); got == "taken" {
		t.Error("a text ran as a script")
	}
	if n := eval[int](b, `[...document.querySelectorAll('a[href]')].filter((a) => !/^http/.test(a.href)).length`); n != 0 {
		t.Errorf("%d links are not http", n)
	}
}

func TestAnOperationOpensAsATree(t *testing.T) {
	b := open(t, stub.New(2, nil, "docs"), "#/client/docs", 1280)
	b.live()
	b.wait(`document.querySelector('.operations .open')`)
	b.click(".choice button:nth-child(2)") // failed
	b.wait(`[...document.querySelectorAll('.operations tbody .tag')].every((x) => x.innerText === 'failed')`)
	b.click(".operations .open")
	b.wait(`document.querySelectorAll('.tree .span').length === 16`) // an operation, 4 attempts of 3 lines, 3 backoffs
	for _, want := range []string{"attempt after 500ms", "2 s", "connection #22"} {
		if got := b.text("#operation-dialog"); !strings.Contains(got, want) {
			t.Errorf("the dialog has no %q:\n%s", want, got)
		}
	}
	link := eval[string](b, `document.querySelector('#operation-dialog .facts a[target]').href`)
	if want := "http://jaeger.example:16686/trace/1fba5b3577b34da6a3ce929d0e0e4736"; link != want {
		t.Errorf("the trace is at %s, want %s", link, want)
	}
}

func TestALostConnectionIsSaidAndMended(t *testing.T) {
	s := stub.New(3, nil, "docs")
	b := open(t, s, "#/client/docs", 1280)
	b.expect("429")
	b.expect("ERR_INCOMPLETE_CHUNKED_ENCODING")
	b.live()
	s.Break()
	b.wait(`document.getElementById('live-text').innerText === 'connection lost'`)
	b.wait(`/^Connection lost. The figures are of \d\d:\d\d:\d\d. Next try in \d+ s/.test(document.getElementById('stale').innerText)`)
	b.wait(`document.querySelector('main').classList.contains('stale')`)
	if got := eval[string](b, `document.querySelector('.action').ariaDisabled`); got != "true" {
		t.Errorf("aria-disabled of an action is %q without a connection, want true", got)
	}
	s.Mend()
	b.live()
	b.wait(`!document.querySelector('main').classList.contains('stale') && document.getElementById('stale').hidden`)

	s.Mute()
	b.wait(`document.getElementById('live-text').innerText === 'no news' && document.querySelector('main').classList.contains('stale')`)
	s.Mend()
	b.live()
}

func TestAHiddenPageHasNoStream(t *testing.T) {
	s := stub.New(3, nil, "docs")
	b := open(t, s, "#/client/docs", 1280)
	b.live()
	hide := func(hidden bool) {
		eval[bool](b, fmt.Sprintf(`Object.defineProperty(document, 'hidden', {value: %t, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))`, hidden))
	}
	hide(true)
	b.wait(`document.getElementById('live-text').innerText === 'paused'`)
	ended := func() bool { return s.Streams() == 0 }
	eventually(b, "no stream is open", ended)
	hide(false)
	b.live()
	if n := s.Streams(); n != 1 {
		t.Errorf("%d streams are open, want 1", n)
	}
}

// eventually waits until ok says so. The page keeps the time.
func eventually(b *tab, what string, ok func() bool) {
	b.Helper()
	for range int(patience.Milliseconds() / 20) {
		if ok() {
			return
		}
		eval[bool](b, `new Promise((done) => setTimeout(() => done(true), 20))`)
	}
	b.Fatalf("waited in vain: %s", what)
}
