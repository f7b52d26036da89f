// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/penstock-go/penstock/internal/browser/stub"
)

const phone, desk = 390, 1280 // widths

// steady fails the test if something on the page has moved without an input, or the page is wider than the window.
func (b *tab) steady() {
	b.Helper()
	for _, shift := range eval[[]string](b, `seen.shifts`) {
		if !strings.Contains(shift, "after input") {
			b.Errorf("the layout shifted by %s", shift)
		}
	}
	if over := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
		b.Errorf("the page is %d px wider than the window", over)
	}
}

func TestNothingMovesWhileFiguresChange(t *testing.T) {
	for _, width := range []int64{phone, 1000, desk} {
		for _, address := range []string{"#/", "#/client/docs", "#/client/images"} { // images has an exclusive pool
			t.Run(fmt.Sprint(width, address), func(t *testing.T) {
				b := open(t, stub.New(50, nil, "docs", "images", "prices"), address, width)
				b.live()
				b.messages(2)
				b.steady()
				eval[bool](b, `scrollTo(0, document.body.scrollHeight), true`)
				b.messages(2)
				b.steady()
			})
		}
	}
}

// TestEveryTextCanBeRead holds the contrast of WCAG AA: 4.5 to 1, and 3 to 1 for large text.
func TestEveryTextCanBeRead(t *testing.T) {
	for _, scheme := range []string{"light", "dark"} {
		t.Run(scheme, func(t *testing.T) {
			b := open(t, stub.New(50, nil, "docs", "images", "prices"), "#/client/docs", desk, &emulation.MediaFeature{Name: "prefers-color-scheme", Value: scheme})
			b.live()
			b.wait(`document.querySelector('.operations .open')`)
			b.contrast()
			b.click(".operations .open")
			b.wait(`document.querySelector('.tree')`)
			b.contrast()
			b.key(kb.Escape)
			b.click(".brand")
			b.wait(`document.querySelectorAll('.clients tbody tr').length === 50`)
			b.contrast()
		})
	}
}

func (b *tab) contrast() {
	b.Helper()
	faint := eval[[]string](b, `(() => {
		const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
		const over = (ground, color, opacity) => {
			canvas.globalAlpha = 1; canvas.fillStyle = 'rgb(' + ground.join(' ') + ')'; canvas.fillRect(0, 0, 1, 1);
			canvas.globalAlpha = opacity; canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
			return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
		};
		const light = (c) => { const [r, g, b] = c.map((x) => (x /= 255) <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b };
		const ground = (e) => e ? over(ground(e.parentElement), getComputedStyle(e).backgroundColor, 1) : [255, 255, 255];
		const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
		const faint = [];
		while (texts.nextNode()) {
			const e = texts.currentNode.parentElement, style = getComputedStyle(e);
			if (!texts.currentNode.data.trim() || !e.checkVisibility({visibilityProperty: true, opacityProperty: true}) || e.closest('.unseen, noscript')) continue;
			const back = e instanceof SVGElement ? over(ground(e.closest('svg').parentElement), getComputedStyle(document.documentElement).getPropertyValue('--card'), 1) : ground(e);
			const ink = over(back, e instanceof SVGElement ? style.fill : style.color, 1);
			const [a, b] = [light(back), light(ink)].sort((x, y) => y - x);
			const ratio = (a + 0.05) / (b + 0.05), size = parseFloat(style.fontSize);
			if (ratio < (size >= 24 || size >= 18.66 && style.fontWeight >= 700 ? 3 : 4.5)) faint.push(texts.currentNode.data.trim() + ' ' + ratio.toFixed(2) + ' ' + e.className);
		}
		return faint;
	})()`)
	if len(faint) > 0 {
		b.Errorf("texts with too little contrast: %q", faint)
	}
}

func TestThePageIsUsedByKeyboard(t *testing.T) {
	b := open(t, stub.New(8, nil, "docs", "images", "prices"), "#/client/docs", desk)
	b.live()
	b.wait(`document.querySelector('.operations .open')`)
	// The order of focus, each with a visible ring.
	var order []string
	for range 60 {
		b.key(kb.Tab)
		at := eval[string](b, `(() => {
			const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
			if (e === document.body) return 'body';
			const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
			const seen = box.width > 0 && box.bottom > 0 && box.top < innerHeight;
			return (ring && seen ? '' : 'NOT SEEN ') + (e.ariaLabel || e.innerText || e.className).split('\n')[0];
		})()`)
		order = append(order, at)
		if strings.HasPrefix(at, "Search") {
			break
		}
	}
	got := strings.Join(order, " > ")
	want := "Skip to the figures > penstock > All 8 clients > docs > Configuration 7"
	if !strings.HasPrefix(got, want) || strings.Contains(got, "NOT SEEN") || !strings.Contains(got, "Reload > Drain…") || !strings.Contains(got, "Reset > Force open > Force closed > Watch only") || !strings.HasSuffix(got, "Search docs") {
		t.Errorf("the focus goes %s, want first %s, then the actions and the operations, each with a ring", got, want)
	}

	// The list holds still for the one who is in it, and says what is new.
	first := eval[string](b, `document.activeElement.closest('tr').innerText`)
	b.wait(`/newer/.test(document.querySelector('.news').innerText)`)
	if now := eval[string](b, `document.activeElement.closest('tr').innerText`); now != first {
		t.Errorf("the line under the focus was %q and is %q", first, now)
	}

	b.key(kb.Enter)
	b.wait(`document.getElementById('operation-dialog').open && document.querySelector('.tree')`)
	b.key(kb.Escape)
	b.wait(`!document.querySelector('dialog[open]')`)
	if !eval[bool](b, `document.activeElement.classList.contains('open')`) {
		t.Error("after Esc the focus is not where it was")
	}
}

func TestReducedMotionIsHeeded(t *testing.T) {
	b := open(t, stub.New(2, nil), "#/", desk, &emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "reduce"})
	b.live()
	if n := eval[int](b, `document.getAnimations().length`); n != 0 {
		t.Errorf("%d animations run, want none", n)
	}
}

// TestScreens takes pictures of the page into build/screens, to be looked at.
func TestScreens(t *testing.T) {
	dir := filepath.Join("..", "..", "build", "screens")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{desk, phone} {
			name := map[int64]string{desk: "1280", phone: "390"}[width] + "-" + scheme
			t.Run(name, func(t *testing.T) {
				b := open(t, stub.New(50, nil, "docs", "images", "prices"), "#/client/docs", width, &emulation.MediaFeature{Name: "prefers-color-scheme", Value: scheme})
				b.live()
				b.wait(`document.querySelector('.operations .open') && document.querySelector('.u-over')`)
				b.picture(filepath.Join(dir, "client-"+name+".png"))
				eval[bool](b, `document.querySelector('.changes-card').scrollIntoView({block: 'center'}), true`)
				b.picture(filepath.Join(dir, "changes-"+name+".png"))
				b.click(".operations .open")
				b.wait(`document.querySelector('.tree')`)
				b.picture(filepath.Join(dir, "operation-"+name+".png"))
				b.key(kb.Escape)
				eval[bool](b, `location.hash = '#/', true`)
				b.live()
				b.wait(`document.querySelectorAll('.clients tbody tr').length === 50`)
				b.picture(filepath.Join(dir, "overview-"+name+".png"))
			})
		}
	}
}

// picture writes what the window shows. A phone shows the whole page.
func (b *tab) picture(file string) {
	b.Helper()
	eval[bool](b, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	b.check(err)
	b.check(os.WriteFile(file, png, 0o644))
}
