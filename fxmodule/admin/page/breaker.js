// SPDX-License-Identifier: Apache-2.0

// The breaker of a client: its state, why, the last 15 minutes, and what may be done with it.

import { attr, el, show, svg, text } from './dom.js';
import { clock, count, duration, percent, plural, since, words } from './format.js';
import { traceLink } from './trace.js';

const minutes = 15;
const width = 360; // of the drawing, which is scaled

// A state is told by height as well as by colour: [top, height].
const shapes = {
  closed: [26, 8, 'ok'],
  open: [2, 32, 'bad'],
  half_open: [14, 20, 'warn'],
  forced_open: [2, 32, 'bad'],
  forced_closed: [26, 8, 'ok'],
  disabled: [22, 12, 'dim'],
};
const gateShapes = { up: [40, 3, 'ok'], down: [38, 7, 'bad'] };
const tone = { closed: 'ok', half_open: 'warn', open: 'bad', forced_open: 'bad', forced_closed: 'warn', disabled: 'warn' };

export class BreakerCard {
  constructor(model, actions, id) {
    this.model = model;
    this.big = el('p', { class: 'big' });
    this.sub = el('p', { class: 'sub two' });
    this.by = el('p', { class: 'sub one' });
    this.periods = svg('g');
    this.gates = svg('g');
    this.history = svg(
      'svg',
      { class: 'history', viewBox: `0 0 ${width} 62`, preserveAspectRatio: 'none', role: 'img' },
      svg('rect', { class: 'back', x: 0, y: 2, width, height: 32 }),
      this.periods,
      this.gates,
    );
    this.marks = el('p', { class: 'marks sub', 'aria-hidden': 'true' }, el('span', { text: '−15 min' }), el('span', { text: '−10' }), el('span', { text: '−5' }), el('span', { text: 'now' }));
    this.gate = el('p', { class: 'sub one' });
    this.buttons = el('div', { class: 'buttons' }, ...['breaker_reset', 'breaker_open', 'breaker_close', 'breaker_watch'].map((name) => actions.button(name, () => ({ client: id }))));
    this.root = el('section', { class: 's4 breaker', 'aria-labelledby': 'h-breaker' }, el('h2', { id: 'h-breaker', text: 'Breaker' }), this.big, this.sub, this.history, this.marks, this.by, this.gate, this.buttons);
  }

  update(c) {
    const b = c.state?.breaker;
    const state = c.breaker_state || b?.state || '';
    text(this.big, state ? words(state) : c.state ? 'no breaker' : '…');
    attr(this.big, 'data-tone', tone[state] ?? 'none');
    text(this.sub, b ? this.#detail(b, state) : c.state?.keyed_breaker ? plural(c.state.keyed_breaker.keys?.length ?? 0, 'key') + ' with a breaker of its own each' : '');
    this.#opened(c, state);
    this.#draw(this.periods, c.breaker ?? [], shapes);
    this.#draw(this.gates, c.gate ?? [], gateShapes);
    attr(this.history, 'aria-label', described(c, this.model.at));
    const h = c.state?.health;
    text(this.gate, !c.gate_state ? 'No health probes' : `Health ${c.gate_state}` + (h?.probed_at ? `, probed ${duration(since(h.probed_at, this.model.at))} ago` : '') + (h?.last_error && c.gate_state === 'down' ? `: ${h.last_error}` : ''));
    attr(this.gate, 'title', h?.last_error || null);
    show(this.buttons, !!state);
  }

  #detail(b, state) {
    const { counters: n, configuration: cfg, timing: t, current_state: now } = b;
    const held = t.last_state_change ? `for ${duration(since(t.last_state_change, this.model.at))}` : 'since the start';
    switch (state) {
      case 'half_open':
        return `${held}; ${n.success_count} of ${cfg.half_open_success_threshold} good probes, ${now.half_open_requests} of ${cfg.max_half_open_requests} under way`;
      case 'open':
        return `${held}; next probe ${t.retry_after > 0 ? 'in ' + duration(t.retry_after) : 'now'}; ${count(n.total_fast_failures)} refused so far`;
      case 'closed':
        return cfg.failure_rate
          ? `${held}; ${percent(now.window_failures ?? 0, now.window_calls ?? 0)} of ${count(now.window_calls ?? 0)} failed, opens at ${percent(cfg.failure_rate, 1)}`
          : `${held}; ${n.failure_count} of ${cfg.failure_threshold} failures in a row`;
      default:
        return `${held}, until it is reset; ${count(n.total_fast_failures)} refused so far`;
    }
  }

  #opened(c, state) {
    const last = (c.breaker ?? []).findLast((p) => p.by || p.why);
    const key = last && state !== 'closed' ? [last.from, last.by, last.why, last.trace_id].join() : '';
    if (key === this.openedKey) return;
    this.openedKey = key;
    if (!key) return this.by.replaceChildren();
    const what = `${words(last.state)} at ${clock(last.from)}${last.by ? ' by ' + last.by : ''}${last.why ? ' (' + words(last.why) + ')' : ''} `;
    this.by.replaceChildren(what, last.trace_id ? traceLink(this.model, last.trace_id, last.trace_id.slice(0, 6)) : '');
  }

  #draw(group, periods, kinds) {
    const now = Date.parse(this.model.at);
    const from = now - minutes * 60000;
    const x = (t) => (width * (Math.max(from, Math.min(now, t)) - from)) / (now - from);
    const seen = periods.filter((p) => (p.to ? Date.parse(p.to) : now) > from);
    while (group.children.length > seen.length) group.lastElementChild.remove();
    seen.forEach((p, i) => {
      const r = group.children[i] ?? group.appendChild(svg('rect', {}, svg('title')));
      const [y, height, kind] = kinds[p.state] ?? [14, 20, 'dim'];
      const [a, b] = [x(Date.parse(p.from)), x(p.to ? Date.parse(p.to) : now)];
      attr(r, 'x', a.toFixed(1));
      attr(r, 'width', Math.max(1.5, b - a).toFixed(1));
      attr(r, 'y', y);
      attr(r, 'height', height);
      attr(r, 'class', 'tone-' + kind);
      text(r.firstChild, `${words(p.state)} from ${clock(p.from)}${p.to ? ' to ' + clock(p.to) : ''}${p.why ? ', ' + words(p.why) : ''}`);
    });
  }
}

function described(c, at) {
  const times = (c.breaker ?? []).filter((p) => ['open', 'forced_open'].includes(p.state));
  if (!times.length) return 'The breaker has not been open in the last 15 minutes';
  const sum = times.reduce((n, p) => n + since(p.from, p.to ?? at), 0);
  return `The breaker was open ${plural(times.length, 'time')} in the last 15 minutes, for ${duration(sum)}`;
}
