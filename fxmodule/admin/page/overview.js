// SPDX-License-Identifier: Apache-2.0

// The overview: a line for each client, the worst first, with a search and a filter.

import { address } from './app.js';
import { attr, el, held, show, slots, svg, text } from './dom.js';
import { count, latency, percent, rate, words } from './format.js';

const rank = { bad: 0, warn: 1, closed: 2, ok: 3 };
const label = { bad: 'trouble', warn: 'watch', closed: 'closed', ok: 'well' };
const filters = [
  ['all', 'All', () => true],
  ['trouble', 'Not well', (c) => c.status !== 'ok'],
];
const columns = ['state', 'client', 'operations', 'failed', 'refused', 'p50', 'p99', 'connections', 'breaker'];

export class Overview {
  #model;
  #filter = 'all';
  #order = []; // ids in the order in which they are shown
  #drawn = ''; // search and filter that the order is of

  constructor(model) {
    this.#model = model;
    this.search = el('input', { type: 'search', id: 'search', placeholder: 'Name, system or reason', autocomplete: 'off', spellcheck: 'false', input: () => this.update() });
    this.search.addEventListener('keydown', (e) => e.key === 'Enter' && this.rows.querySelector('a')?.click());
    this.buttons = filters.map(([key]) =>
      el('button', { type: 'button', 'aria-pressed': String(key === this.#filter), click: () => ((this.#filter = key), this.update()) }),
    );
    this.sum = el('p', { class: 'sum' });
    this.rows = el('tbody');
    this.empty = el('p', { class: 'empty', hidden: true });
    this.table = el(
      'table',
      { class: 'clients' },
      el('caption', { class: 'unseen', text: 'Clients, the worst first' }),
      el('thead', {}, el('tr', {}, ...columns.map((c) => el('th', { scope: 'col', text: c })))),
      this.rows,
    );
    this.root = el(
      'section',
      { class: 'overview', 'aria-label': 'All clients' },
      el('div', { class: 'tools' }, el('label', { class: 'unseen', for: 'search', text: 'Search clients' }), this.search, el('div', { class: 'choice', role: 'group', 'aria-label': 'Filter' }, ...this.buttons), this.sum),
      this.table,
      this.empty,
    );
    this.slash = (e) => {
      if (e.key === '/' && !e.ctrlKey && !e.metaKey && !e.altKey && !e.target.closest?.('input, dialog')) {
        e.preventDefault();
        this.search.focus();
      }
    };
    document.addEventListener('keydown', this.slash);
  }

  close() {
    document.removeEventListener('keydown', this.slash);
  }

  update() {
    const all = [...this.#model.clients.values()];
    filters.forEach(([key, name, take], i) => {
      text(this.buttons[i], `${name} ${all.filter(take).length}`);
      attr(this.buttons[i], 'aria-pressed', String(key === this.#filter));
    });
    const total = (key) => all.reduce((n, c) => n + (c[key] ?? 0), 0);
    const [flow, lost] = [total('rate'), total('failed') + total('rejected')];
    text(this.sum, all.length ? `${rate(flow)} in all, ${flow > 0 ? percent(lost, flow) : '0 %'} of it failed or refused` : '');
    this.#sort(all);
    const rows = slots(this.rows, this.#order.length, row);
    this.#order.forEach((id, i) => fillRow(rows[i], this.#model.clients.get(id)));
    show(this.table, this.#order.length > 0);
    show(this.empty, this.#order.length === 0);
    text(this.empty, all.length ? 'No client fits the search and the filter.' : 'This process has no client yet. A client appears here as soon as it is made.');
  }

  // sort decides the order anew, unless somebody points at a line or has the focus in one.
  #sort(all) {
    const query = this.search.value.trim().toLowerCase();
    const asked = this.#filter + ' ' + query;
    if (asked === this.#drawn && held(this.rows)) {
      this.#order = this.#order.filter((id) => this.#model.clients.has(id));
      return;
    }
    this.#drawn = asked;
    const take = filters.find(([key]) => key === this.#filter)[2];
    const fits = (c) => [c.name, c.id, c.system, c.why, c.status, words(c.breaker_state)].some((s) => s?.toLowerCase().includes(query));
    this.#order = all
      .filter((c) => take(c) && fits(c))
      .sort((a, b) => (rank[a.status] ?? 3) - (rank[b.status] ?? 3) || (a.name || a.id).localeCompare(b.name || b.id, 'en', { numeric: true }))
      .map((c) => c.id);
  }
}

function row() {
  const cells = columns.map((c) => el('td', { class: 'c-' + c, 'data-label': c }));
  cells[0].append(el('span', { class: 'dot' }), el('span', { class: 'state' }));
  cells[1].append(el('a', {}), el('span', { class: 'why' }));
  cells[7].append(
    svg('svg', { class: 'meter', width: 64, height: 8, 'aria-hidden': 'true' }, svg('rect', { class: 'back', width: 64, height: 8, rx: 3 }), svg('rect', { class: 'fill', width: 0, height: 8, rx: 3 })),
    el('span', { class: 'use' }),
  );
  return el('tr', {}, ...cells);
}

function fillRow(tr, c) {
  const td = tr.children;
  attr(tr, 'data-status', c.status);
  attr(td[0].firstChild, 'data-status', c.status);
  text(td[0].lastChild, label[c.status] ?? c.status);
  const [link, why] = td[1].children;
  attr(link, 'href', address(c.id));
  text(link, c.name || c.id);
  // Two clients may have one name; the id tells them apart.
  text(why, c.status === 'ok' || !c.why ? [c.system, c.id !== c.name && c.id].filter(Boolean).join(' · ') : c.why);
  text(td[2], rate(c.rate));
  lost(td[3], c.failed, c.rate);
  lost(td[4], c.rejected, c.rate);
  text(td[5], latency(c.p50));
  text(td[6], latency(c.p99));
  const share = c.places > 0 ? Math.max(0, Math.min(1, c.in_flight / c.places)) : 0;
  attr(td[7].querySelector('.fill'), 'width', (64 * share).toFixed(1));
  text(td[7].lastChild, c.places > 0 ? `${count(c.in_flight)} of ${count(c.places)}${c.waiters ? `, ${count(c.waiters)} wait` : ''}` : '–');
  text(td[8], c.breaker_state ? words(c.breaker_state) : 'none');
  attr(td[8], 'data-state', c.breaker_state ?? '');
}

function lost(td, part, whole) {
  text(td, part > 0 ? percent(part, whole) : '0');
  td.classList.toggle('bad-ink', part > 0);
}
