// SPDX-License-Identifier: Apache-2.0

// The latest changes of the settings of a client: when, by whom, and what became what. The last change
// that was refused stands among them.

import { el } from './dom.js';
import { moment, plural } from './format.js';

export class ChangesCard {
  #shown = ''; // what the list was made of

  constructor() {
    this.list = el('ol');
    this.root = el(
      'section',
      { class: 's7 changes-card', 'aria-labelledby': 'h-changes' },
      el('h2', { id: 'h-changes', text: 'Latest changes of the settings' }),
      el('div', { class: 'changes', tabindex: 0, role: 'group', 'aria-label': 'Latest changes of the settings' }, this.list),
    );
  }

  update(state, now) {
    if (!state) return;
    const items = (state.changes ?? []).map((c) => ({ at: c.at, make: () => applied(c, now) }));
    const refused = state.refused_changes;
    if (refused) items.push({ at: refused.at, make: () => told(refused, now) });
    items.sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
    // A day later the times name their day.
    const shown = JSON.stringify([items.map((i) => i.at), refused?.count, new Date(now).getDate()]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.list.replaceChildren(...(items.length ? items.map((i) => i.make()) : [el('li', { class: 'dim', text: 'The settings are as they were when the client was made.' })]));
  }
}

function applied(c, now) {
  const changed = c.changed ?? [];
  return el(
    'li',
    {},
    head(c, now, `configuration ${c.generation}`),
    changed.length ? el('ul', {}, ...changed.map((s) => el('li', {}, el('code', { text: s.key }), ` ${s.old || 'none'} → ${s.new || 'none'}`))) : el('p', { class: 'sub', text: 'Nothing differs from the settings before.' }),
  );
}

function told(refused, now) {
  return el('li', { class: 'refused' }, head(refused, now, 'refused'), el('p', { class: 'why', text: refused.why }), el('p', { class: 'sub', text: `${plural(refused.count, 'change')} refused so far` }));
}

function head(c, now, what) {
  return el('p', {}, el('b', { text: moment(c.at, now) }), ` ${c.by || 'the program'} `, el('span', { class: 'what', text: what }));
}
