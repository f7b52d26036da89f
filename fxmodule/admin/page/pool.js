// SPDX-License-Identifier: Apache-2.0

// The pools of a client: each connection in a slot of its own, who waits, and who holds for longest.

import { attr, el, slots, text } from './dom.js';
import { count, duration, plural } from './format.js';
import { traceLink } from './trace.js';

const mostBars = 64; // slots with a bar of their own; a larger pool is drawn as squares
const mostSquares = 512;

export class PoolCard {
  #pools = new Map(); // by name

  constructor(model, actions, id) {
    Object.assign(this, { model, actions, id });
    this.title = el('h2', { id: 'h-pool', text: 'Pool' });
    this.list = el('div', { class: 'pools', tabindex: 0, role: 'group', 'aria-labelledby': 'h-pool' });
    this.root = el('section', { class: 's8 pool-card', 'aria-labelledby': 'h-pool' }, this.title, this.list);
  }

  update(c) {
    const pools = c.state?.pools ?? [];
    text(this.title, pools.length > 1 ? `Pools, one for each of ${pools.length} lanes` : 'Pool');
    for (const [name, p] of this.#pools) {
      if (!pools.some((now) => now.name === name)) {
        p.root.remove();
        this.#pools.delete(name);
      }
    }
    for (const p of pools) {
      let shown = this.#pools.get(p.name);
      if (!shown) {
        shown = new Pool(this.model, this.actions, this.id, pools.length > 1 ? p.name : '');
        this.#pools.set(p.name, shown);
        this.list.append(shown.root);
        this.actions.mark(shown.root);
      }
      shown.update(p);
    }
  }
}

class Pool {
  #places = []; // number of the connection in each slot, 0 for none

  constructor(model, actions, id, name) {
    this.model = model;
    this.name = name;
    this.head = el('p', { class: 'pool-head' }, el('b'), el('span', { class: 'sub' }));
    this.resize = actions.button('resize', () => ({ client: id, pool: name, size: this.max }));
    this.slots = el('div', { class: 'slots', role: 'img' });
    this.waits = el('p', { class: 'sub one' });
    this.longest = el('p', { class: 'sub' });
    this.holders = el('ul', { class: 'sub holders' });
    this.root = el('div', { class: 'pool' }, el('div', { class: 'pool-top' }, this.head, this.resize), this.slots, this.waits, this.longest, this.holders);
  }

  update(p) {
    this.max = p.max;
    const open = p.idle + p.in_use;
    const seats = p.max > 0 ? Math.round(p.places / p.max) : 0;
    text(this.head.firstChild, `${this.name ? this.name + ': ' : ''}${count(p.in_flight)} of ${count(p.places)} places in use`);
    text(this.head.lastChild, `${p.shared ? 'shared' : 'exclusive'}, ${open} of ${plural(p.max, 'connection')} open` + (p.shared ? `, ${plural(seats, 'caller')} each` : '') + (p.dialing ? `, ${p.dialing} dialing` : '') + (p.closing + p.leaving ? `, ${p.closing + p.leaving} closing` : '') + (p.stuck ? `, ${p.stuck} stuck` : ''));
    this.#draw(p);
    const waits = [p.waiters ? plural(p.waiters, 'caller') + (p.waiters === 1 ? ' waits' : ' wait') : 'Nobody waits', p.timeouts && count(p.timeouts) + ' waited in vain', p.dial_errors && plural(p.dial_errors, 'dial') + ' failed', p.leaks && plural(p.leaks, 'leak')];
    text(this.waits, waits.filter(Boolean).join(' · '));
    this.waits.classList.toggle('warn-ink', p.waiters > 0);
    this.#hold(p.holders ?? []);
  }

  // draw keeps each connection in its slot for as long as it is open.
  #draw(p) {
    const conns = p.connections ?? [];
    const bars = p.shared && p.max <= mostBars;
    const n = Math.min(bars ? mostBars : mostSquares, Math.max(p.max, conns.length));
    const there = new Map(conns.map((c) => [c.number, c]));
    const places = Array.from({ length: n }, (_, i) => (there.has(this.#places[i]) ? this.#places[i] : 0));
    const placed = new Set(places);
    for (const c of conns) {
      if (placed.has(c.number)) continue;
      const free = places.indexOf(0);
      if (free < 0) break;
      places[free] = c.number;
    }
    this.#places = places;
    this.slots.classList.toggle('squares', !bars);
    const made = slots(this.slots, n, bars ? bar : square);
    places.forEach((number, i) => (bars ? fillBar : fillSquare)(made[i], there.get(number)));
    const suspect = conns.filter((c) => c.suspect).length;
    attr(this.slots, 'aria-label', `${plural(conns.length, 'connection')}, ${conns.filter((c) => c.callers > 0).length} busy${suspect ? `, ${suspect} suspect` : ''}`);
  }

  #hold(holders) {
    text(this.longest, holders.length ? 'Held for longest' : 'Nobody holds a connection');
    const lines = slots(this.holders, holders.length, () => el('li', {}, el('code'), el('span'), el('span')));
    holders.forEach((h, i) => {
      const [name, held, trace] = lines[i].children;
      text(name, [h.operation, h.target].filter(Boolean).join(' '));
      attr(name, 'title', h.stack || name.textContent);
      text(held, duration(h.held));
      if (lines[i].trace === h.trace_id) return;
      lines[i].trace = h.trace_id;
      trace.replaceChildren(h.trace_id ? traceLink(this.model, h.trace_id, h.trace_id.slice(0, 6)) : '');
    });
  }
}

const bar = () => el('div', { class: 'slot' }, el('code'), el('span', { class: 'sub' }), el('progress', { max: 1, value: 0, 'aria-hidden': 'true' }));

function fillBar(slot, c) {
  const [number, note, progress] = slot.children;
  text(number, c ? '#' + c.number : 'free');
  text(note, !c ? '' : c.suspect ? 'suspect' : c.leaving ? 'leaving' : `${c.callers}/${c.most}`);
  progress.value = c && c.most > 0 ? Math.min(1, c.callers / c.most) : 0;
  attr(slot, 'data-state', !c ? 'free' : c.suspect ? 'suspect' : c.leaving ? 'leaving' : c.callers >= c.most ? 'full' : 'open');
  attr(slot, 'title', c?.endpoint || null);
}

const square = () => el('i', { class: 'square' });

function fillSquare(node, c) {
  const state = !c ? 'free' : c.suspect ? 'suspect' : c.leaving ? 'leaving' : c.callers > 0 ? 'busy' : 'idle';
  attr(node, 'data-state', state);
  attr(node, 'title', c ? `#${c.number} ${state}${c.endpoint ? ', ' + c.endpoint : ''}` : 'free');
}
