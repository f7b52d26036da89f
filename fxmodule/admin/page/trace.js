// SPDX-License-Identifier: Apache-2.0

// One operation in a dialog: what happened when, as a tree with a bar for each span.

import { address } from './app.js';
import { el, svg, text } from './dom.js';
import { clock, count, duration, outcome, words } from './format.js';

const dialog = document.getElementById('operation-dialog');
const body = document.getElementById('operation-body');
const barWidth = 240;

let asked = 0; // number of the latest question, so that a late answer to an older one is dropped

// openOperation shows an operation of a client. The tree is asked for, because the stream leaves it out.
export async function openOperation(model, client, op) {
  const mine = ++asked;
  text(document.getElementById('operation-title'), [op.name, op.target].filter(Boolean).join(' '));
  const tree = el('div', { class: 'tree-box' }, el('p', { class: 'dim', text: op.tree ? '' : 'The tree is being fetched…' }));
  body.replaceChildren(facts(model, client, op), tree);
  dialog.showModal();
  dialog.scrollTop = 0;
  let whole = op;
  if (!op.tree) {
    try {
      const answer = await fetch(`snapshot.json?client=${encodeURIComponent(client)}&operation=${op.id}`, { cache: 'no-store' });
      const found = answer.ok ? await answer.json() : {};
      whole = found.clients?.[0]?.operations?.find((o) => o.id === op.id) ?? op;
    } catch {
      whole = null;
    }
    if (mine !== asked || !dialog.open) return;
  }
  if (whole?.tree) tree.replaceChildren(drawTree(whole));
  else tree.replaceChildren(el('p', { class: 'dim', text: whole ? 'The tree of this operation is not kept any more: newer ones took its place.' : 'The process did not answer.' }));
}

// traceLink links to a trace elsewhere. Without an address of a viewer it is the id alone, to copy.
export function traceLink(model, id, shown = id) {
  const href = model.link(id);
  if (!href) return el('code', { class: 'trace-id', title: id, text: shown });
  return el('a', { href, target: '_blank', rel: 'noopener noreferrer', title: 'Open trace ' + id + ' in the trace viewer' }, el('code', { text: shown }), ' ↗');
}

function facts(model, client, op) {
  const rows = [
    ['outcome', el('span', { class: 'tag', 'data-outcome': op.outcome, text: outcome(op.outcome) })],
    ['client', el('a', { href: address(client), text: client })],
    ['began', clock(op.at, 'millis')],
    ['took', `${duration(op.took)}: ${duration(op.wait)} wait, ${duration(op.backoff)} backoff, ${duration(op.backend)} backend`],
    ['attempts', count(op.attempts)],
  ];
  if (op.reason) rows.push(['reason', words(op.reason)]);
  if (op.error) rows.push(['error', el('code', { class: 'wrap', text: op.error })]);
  if (op.conn) rows.push(['connection', '#' + op.conn]);
  if (op.opened_by) rows.push(['breaker opened by', el('span', {}, op.opened_by.name + ' at ' + clock(op.opened_by.at) + ' ', op.opened_by.trace_id ? traceLink(model, op.opened_by.trace_id, op.opened_by.trace_id.slice(0, 8)) : '')]);
  if (op.trace_id) rows.push(['trace', el('span', {}, traceLink(model, op.trace_id), op.sampled === undefined || op.sampled ? '' : ' (not sampled at its start)')]);
  return el('dl', { class: 'facts' }, ...rows.map(([key, value]) => el('div', {}, el('dt', { text: key }), el('dd', {}, value))));
}

function drawTree(op) {
  const whole = Math.max(op.took, op.tree.took, end(op.tree), 1e-9);
  const list = el('ul', { class: 'tree' });
  list.append(node(op.tree, whole, 0));
  return el('div', {}, el('p', { class: 'axis dim', 'aria-hidden': 'true' }, el('span', { text: '0' }), el('span', { text: duration(whole) })), list);
}

const end = (s) => Math.max(s.start + s.took, ...(s.children ?? []).map(end));

function node(span, whole, depth) {
  const x = Math.min(barWidth - 2, (barWidth * Math.max(0, span.start)) / whole);
  const w = Math.min(barWidth - x, Math.max(2, (barWidth * span.took) / whole));
  const event = span.kind === 'event';
  const mark = event
    ? svg('path', { d: `M${x} 1l5 5l-5 5l-5 -5z`, class: 'bar event' })
    : svg('rect', { x: x.toFixed(1), y: 2, width: w.toFixed(1), height: 8, rx: 2, class: 'bar ' + (['attempt', 'wait', 'backoff', 'operation'].includes(span.kind) ? span.kind : 'attempt') });
  const notes = [
    span.reason && el('span', { class: 'bad-ink', text: words(span.reason) }),
    span.error && el('code', { class: 'wrap', text: span.error }),
    span.conn ? el('span', { text: 'connection #' + span.conn }) : null,
    ...(span.details ?? []).map((d) => el('span', {}, words(d.key) + ' ', el('b', { text: d.value }))),
  ].filter(Boolean);
  const li = el(
    'li',
    {},
    el(
      'div',
      { class: 'span', 'data-depth': Math.min(depth, 6) },
      el('span', { class: 'what' }, el('span', { class: 'kind', text: span.kind === span.name ? '' : span.kind }), ' ', el('b', { text: words(span.name) || span.kind })),
      svg('svg', { class: 'line', viewBox: `-6 0 ${barWidth + 12} 12`, preserveAspectRatio: 'none', 'aria-hidden': 'true' }, svg('rect', { class: 'back', x: 0, y: 5, width: barWidth, height: 2 }), mark),
      el('span', { class: 'took', text: event ? 'at ' + duration(span.start) : duration(span.took) }),
      notes.length ? el('span', { class: 'notes' }, ...notes) : null,
    ),
  );
  if (span.children?.length) li.append(el('ul', {}, ...span.children.map((c) => node(c, whole, depth + 1))));
  return li;
}
