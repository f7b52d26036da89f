// SPDX-License-Identifier: Apache-2.0

// One client: its head and its cards.

import { BreakerCard } from './breaker.js';
import { ChangesCard } from './changes.js';
import { Charts } from './charts.js';
import { attr, el, show, slots, text } from './dom.js';
import { Flow } from './flow.js';
import { clock, count, duration, plural, rate, words } from './format.js';
import { OperationsCard } from './operations.js';
import { PoolCard } from './pool.js';

const label = { ok: 'well', warn: 'watch', bad: 'trouble', closed: 'closed' };

export class ClientView {
  constructor(model, actions, id) {
    Object.assign(this, { model, actions, id });
    this.flow = new Flow();
    this.charts = new Charts();
    this.breaker = new BreakerCard(model, actions, id);
    this.pool = new PoolCard(model, actions, id);
    this.changes = new ChangesCard();
    this.operations = new OperationsCard(model, id);
    this.limits = el('ul', { class: 'limits' });
    this.endpoints = el('tbody');
    this.endpointCard = card('s12', 'endpoints', 'Endpoints', el('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'Endpoints' }, el('table', {}, el('thead', {}, el('tr', {}, ...['address', 'state', 'in flight', 'latency', 'ejected', 'why'].map((c) => el('th', { scope: 'col', text: c })))), this.endpoints)));
    this.name = el('h2', { class: 'client-name' });
    this.where = el('p', { class: 'sub one' });
    this.status = el('p', { class: 'client-status' }, el('span', { class: 'dot' }), el('b'), el('span'));
    this.generation = el('button', { type: 'button', 'aria-haspopup': 'dialog', click: () => this.#settings() });
    const reload = actions.button('reload', () => ({}));
    this.reload = reload;
    const top = el('div', { class: 'client-head' }, el('div', { class: 'who' }, this.name, this.where), this.status, el('div', { class: 'buttons' }, this.generation, reload, actions.button('drain', () => ({ client: id }))));
    this.body = el(
      'div',
      { class: 'grid' },
      card('s12', 'flow', 'What flows, a second (last 10 s)', this.flow.root),
      this.breaker.root,
      this.pool.root,
      card('s7', 'outcomes', 'Operations a second, last 15 minutes', this.charts.outcomes.box, this.charts.outcomes.legend),
      card('s5', 'latency', 'Latency of operations, last 15 minutes', this.charts.latency.box, this.charts.latency.legend),
      card('s5', 'limits', 'Room left', this.limits),
      this.changes.root,
      this.endpointCard,
      this.operations.root,
    );
    this.gone = el('div', { class: 'empty', hidden: true }, el('p', { text: `There is no client named ${id} in this process, or no longer.` }), el('p', {}, el('a', { href: '#/', text: 'All clients' })));
    this.root = el('div', { class: 'client' }, top, this.body, this.gone);
    this.top = top;
    actions.mark(this.root);
  }

  close() {
    this.flow.close();
    this.charts.close();
  }

  update() {
    const c = this.model.clients.get(this.id);
    show(this.gone, !c);
    show(this.body, !!c);
    show(this.top, !!c);
    if (!c) return;
    text(this.name, c.name || c.id);
    const s = c.state;
    const address = s?.address || '';
    text(this.where, [c.system, address, s?.namespace && 'database ' + s.namespace, s?.connection].filter(Boolean).join(' · '));
    attr(this.status.firstChild, 'data-status', c.status);
    text(this.status.children[1], label[c.status] ?? c.status);
    text(this.status.lastChild, c.why ?? '');
    attr(this.status, 'title', c.why || null);
    text(this.generation, c.generation ? `Configuration ${c.generation}${c.changed_at ? ', ' + clock(c.changed_at, 'minutes') : ''}` : 'Configuration');
    show(this.reload, this.model.reload);
    this.flow.update(c, c.flow);
    this.breaker.update(c);
    this.pool.update(c);
    this.charts.update(this.model.at, c.points ?? []);
    this.#room(c);
    this.changes.update(s, this.model.at);
    this.#ends(s?.endpoints ?? []);
    this.operations.update(c);
  }

  // room lists what is limited, and how much of it is left.
  #room(c) {
    const s = c.state;
    const lines = [];
    if (c.places > 0) lines.push(['connections', `${count(c.places - c.in_flight)} of ${count(c.places)} places free`, c.in_flight / c.places]);
    const b = s?.retry_budget;
    if (b) lines.push(['retry budget', b.unlimited ? 'unlimited' : `${count(Math.floor(b.balance))} further attempts left${b.text ? ' (' + b.text + ')' : ''}`, b.unlimited || b.balance >= 1 ? 0 : 1]);
    const k = s?.bulkhead;
    if (k) lines.push(['bulkhead', `${count(k.limit - k.running)} of ${count(k.limit)} free${k.waiting ? `, ${count(k.waiting)} wait` : ''}`, k.running / k.limit]);
    const l = s?.rate_limit;
    if (l) lines.push(['rate limit', `${rate(l.rate)}${l.waiting ? `, ${count(l.waiting)} wait` : ''}`, l.waiting ? 1 : 0]);
    if (s?.async?.limit) lines.push(['asynchronous', `${count(s.async.limit - s.async.running)} of ${count(s.async.limit)} free`, s.async.running / s.async.limit]);
    for (const [name, n] of Object.entries(s?.fallbacks ?? {})) lines.push(['fallback ' + words(name), count(n), 0]);
    const items = slots(this.limits, lines.length, () => el('li', {}, el('span', { class: 'sub' }), el('b')));
    lines.forEach(([name, value, used], i) => {
      text(items[i].firstChild, name);
      text(items[i].lastChild, value);
      items[i].lastChild.classList.toggle('warn-ink', used >= 0.95);
    });
  }

  #ends(endpoints) {
    show(this.endpointCard, endpoints.length > 0);
    const rows = slots(this.endpoints, endpoints.length, () => el('tr', {}, ...Array.from({ length: 6 }, () => el('td'))));
    endpoints.forEach((e, i) => {
      const td = rows[i].children;
      text(td[0], e.address);
      text(td[1], words(e.state));
      text(td[2], count(e.in_flight));
      text(td[3], e.latency > 0 ? duration(e.latency) : '–');
      text(td[4], plural(Object.values(e.ejections ?? {}).reduce((a, b) => a + b, 0), 'time'));
      text(td[5], words(e.reason) || '–');
    });
  }

  #settings() {
    const c = this.model.clients.get(this.id);
    if (!c) return;
    const s = c.state ?? {};
    const table = (rows, ...head) => el('table', { class: 'settings' }, el('thead', {}, el('tr', {}, ...head.map((h) => el('th', { scope: 'col', text: h })))), el('tbody', {}, ...rows.map(([key, value]) => el('tr', {}, el('td', {}, el('code', { text: key })), el('td', { class: 'wrap', text: value })))));
    document.getElementById('settings-body').replaceChildren(
      el('p', { text: c.generation ? `Configuration ${c.generation} of ${c.name || c.id}${c.changed_at ? `, in force since ${clock(c.changed_at)}` : ''}${c.changed_by ? `, changed by ${c.changed_by}` : ''}.` : c.name || c.id }),
      ...(s.chain?.warnings?.length ? [el('h3', { text: 'Warnings' }), el('ul', { class: 'warnings' }, ...s.chain.warnings.map((w) => el('li', { text: w })))] : []),
      el('h3', { text: 'Chain, outermost stage first' }),
      table((s.chain?.stages ?? []).map((x) => [x.name, x.text || (x.own ? 'a stage of the application' : '')]), 'stage', 'what it does'),
      el('h3', { text: 'Settings' }),
      table((s.settings ?? []).map((x) => [x.key, x.value]), 'key', 'value'),
    );
    const dialog = document.getElementById('settings-dialog');
    dialog.showModal();
    dialog.scrollTop = 0;
  }
}

function card(size, name, title, ...kids) {
  return el('section', { class: `${size} ${name}-card`, 'aria-labelledby': 'h-' + name }, el('h2', { id: 'h-' + name, text: title }), ...kids);
}
