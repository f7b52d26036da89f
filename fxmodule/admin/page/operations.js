// SPDX-License-Identifier: Apache-2.0

// The latest operations that failed, were refused, recovered or were slow. The list holds still
// while somebody points at it or has the focus in it.

import { attr, el, held, show, slots, svg, text } from './dom.js';
import { clock, count, duration, outcome, plural, short, words } from './format.js';
import { openOperation, traceLink } from './trace.js';

const narrow = matchMedia('(max-width: 960px)'); // as in the style sheet: lines are cards
const most = () => (narrow.matches ? 12 : 30); // lines
const kinds = ['', 'failed', 'rejected', 'recovered', 'slow'];
const columns = ['time', 'operation', 'outcome', 'attempts', 'took', 'wait · backoff · backend', 'why', 'trace'];
const split = 150; // width of the bar

export class OperationsCard {
  #kind = '';
  #shown = []; // operations that the lines show

  constructor(model, id) {
    Object.assign(this, { model, id });
    this.buttons = kinds.map((k) => el('button', { type: 'button', 'aria-pressed': String(k === ''), click: () => ((this.#kind = k), this.update(this.client, true)) }));
    this.news = el('button', { type: 'button', class: 'news', click: () => this.update(this.client, true) });
    this.rows = el('tbody');
    this.empty = el('p', { class: 'empty' });
    this.table = el(
      'table',
      { class: 'operations' },
      el('caption', { class: 'unseen', text: 'Latest operations that failed, were refused, recovered or were slow' }),
      el('thead', {}, el('tr', {}, ...columns.map((c) => el('th', { scope: 'col', text: c })))),
      this.rows,
    );
    this.root = el(
      'section',
      { class: 's12 operations-card', 'aria-labelledby': 'h-operations' },
      el('h2', { id: 'h-operations', text: 'Latest that failed, were refused, recovered or were slow' }),
      el('div', { class: 'tools' }, el('div', { class: 'choice', role: 'group', 'aria-label': 'Outcome' }, ...this.buttons), this.news),
      this.table,
      this.empty,
    );
  }

  update(c, forced = false) {
    this.client = c;
    const all = c.operations ?? [];
    kinds.forEach((k, i) => {
      text(this.buttons[i], k ? `${outcome(k)} ${all.filter((o) => o.outcome === k).length}` : `all ${all.length}`);
      attr(this.buttons[i], 'aria-pressed', String(k === this.#kind));
    });
    const now = all.filter((o) => !this.#kind || o.outcome === this.#kind).slice(0, most());
    const newest = this.#shown[0]?.id ?? 0;
    const fresh = now.filter((o) => o.id > newest).length;
    const still = !forced && this.#shown.length > 0 && held(this.rows);
    if (!still) this.#shown = now;
    text(this.news, still && fresh ? `${plural(fresh, 'newer one')}: show` : '');
    this.news.classList.toggle('none', !(still && fresh));
    const rows = slots(this.rows, this.#shown.length, (i) => this.#row(i));
    this.#shown.forEach((o, i) => this.#fill(rows[i], o));
    show(this.table, this.#shown.length > 0);
    show(this.empty, this.#shown.length === 0);
    text(this.empty, !c.state ? 'Loading…' : this.#kind ? `No operation that ${this.#kind === 'slow' ? 'was slow' : this.#kind === 'rejected' ? 'was refused' : this.#kind} is kept.` : 'No operation has failed, was refused, recovered or was slow. Operations that go well are counted above.');
  }

  #row(i) {
    const cells = columns.map((c) => el('td', { 'data-label': c }));
    cells[1].append(el('button', { type: 'button', class: 'open', 'aria-haspopup': 'dialog', click: () => openOperation(this.model, this.id, this.#shown[i]) }));
    cells[2].append(el('span', { class: 'tag' }));
    cells[5].append(
      svg('svg', { class: 'split', width: split, height: 9, viewBox: `0 0 ${split} 9`, role: 'img' }, svg('rect', { class: 'back', width: split, height: 9, rx: 3 }), ...['wait', 'backoff', 'backend'].map((k) => svg('rect', { class: 'part-' + k, y: 0, height: 9 }))),
    );
    return el('tr', {}, ...cells);
  }

  #fill(tr, o) {
    const key = `${o.id} ${this.model.traceURL}`;
    if (tr.key === key) return;
    tr.key = key;
    const td = tr.children;
    text(td[0], clock(o.at, 'millis'));
    const name = [o.name, o.target].filter(Boolean).join(' ');
    text(td[1].firstChild, short(name, 60));
    attr(td[1].firstChild, 'title', name.length > 60 ? name : null);
    text(td[2].firstChild, outcome(o.outcome));
    attr(td[2].firstChild, 'data-outcome', o.outcome);
    text(td[3], count(o.attempts));
    text(td[4], duration(o.took));
    const [, ...bars] = td[5].firstChild.children;
    let x = 0;
    [o.wait, o.backoff, o.backend].forEach((part, i) => {
      const w = o.took > 0 ? (split * part) / o.took : 0;
      attr(bars[i], 'x', Math.min(split, x).toFixed(1));
      attr(bars[i], 'width', Math.max(0, Math.min(split - x, w)).toFixed(1));
      x += w;
    });
    attr(td[5].firstChild, 'aria-label', `${duration(o.wait)} wait, ${duration(o.backoff)} backoff, ${duration(o.backend)} backend`);
    const why = [words(o.reason), o.opened_by && `opened by ${o.opened_by.name}`, o.error && o.error !== o.reason && o.error].filter(Boolean).join(', ');
    text(td[6], short(why, 90));
    attr(td[6], 'title', why.length > 60 ? why : null);
    td[7].replaceChildren(o.trace_id ? traceLink(this.model, o.trace_id, o.trace_id.slice(0, 6)) : '–');
  }
}
