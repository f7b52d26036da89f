// SPDX-License-Identifier: Apache-2.0

// The page: which view is seen, and what the head of the page says. "#/" is the overview, "#/client/ID"
// is one client. A single client is shown at once.

import { Actions } from './actions.js';
import { ClientView } from './client.js';
import { attr, el, show, slots, text } from './dom.js';
import { clock, duration, since, words } from './format.js';
import { Model } from './model.js';
import { Overview } from './overview.js';
import { Stream } from './stream.js';
import { wireDialogs } from './dialogs.js';

const model = new Model();
const main = document.getElementById('main');
const actions = new Actions(model);
const mostTabs = 5; // more clients than that are found through the overview

let view = null; // what main shows
let viewKey = ''; // "" is the overview
let looked = null; // client that the stream looks at
let frame = 0;
let status = 'wait';
let retryAt = 0;
let told = new Map(); // client id -> what was announced of it

// route is the client in the address, "" for the overview.
function route() {
  const m = /^#\/client\/(.+)$/.exec(location.hash);
  try {
    return m ? decodeURIComponent(m[1]) : '';
  } catch {
    return '';
  }
}

export const address = (id) => '#/client/' + encodeURIComponent(id);

// current is the client to show. One client alone needs no overview.
function current() {
  const id = route();
  if (!id && model.clients.size === 1) return model.clients.keys().next().value;
  return id;
}

function draw() {
  frame = 0;
  if (!model.at) return;
  const id = current();
  if (id !== looked) {
    looked = id;
    stream.look(id);
  }
  if (!view || viewKey !== id) {
    view?.close();
    viewKey = id;
    view = id ? new ClientView(model, actions, id) : new Overview(model);
    main.replaceChildren(view.root);
  }
  head(id);
  view.update();
  announce();
}

// soon draws once before the next picture, however many messages there were.
const soon = () => (frame ||= requestAnimationFrame(draw));

function head(id) {
  const s = model.service;
  const started = since(s.started, model.at);
  text(document.getElementById('service'), [s.name, s.version, Number.isFinite(started) && 'up ' + duration(started)].filter(Boolean).join(' · '));
  const bad = [...model.clients.values()].filter((c) => c.status === 'bad').length;
  const title = `${bad ? `(${bad}) ` : ''}${viewKey || 'penstock'}${s.name ? ' · ' + s.name : ''}`;
  if (document.title !== title) document.title = title;

  const nav = document.getElementById('nav');
  const few = model.clients.size <= mostTabs;
  const tabs = few ? [...model.clients.values()] : [{ id: '', name: `All ${model.clients.size} clients`, status: '' }];
  if (!few && id) tabs.push(model.clients.get(id) ?? { id, name: id, status: '' });
  const links = slots(nav, model.clients.size > 1 || id ? tabs.length : 0, () => el('a', {}, el('span', { class: 'dot' }), el('span', { class: 'name' })));
  tabs.forEach((c, i) => {
    const a = links[i];
    if (!a) return;
    attr(a, 'href', c.id ? address(c.id) : '#/');
    attr(a, 'aria-current', c.id === id ? 'page' : null);
    attr(a, 'title', c.status ? `${c.name}: ${c.status}` : null);
    attr(a.firstChild, 'data-status', c.status || 'none');
    text(a.lastChild, c.name || c.id);
  });
}

// announce tells a screen reader which clients changed their state.
function announce() {
  const now = new Map();
  const news = [];
  for (const c of model.clients.values()) {
    const what = [c.status, c.breaker_state && 'breaker ' + words(c.breaker_state)].filter(Boolean).join(', ');
    now.set(c.id, what);
    if (told.size && told.get(c.id) !== what) news.push(`${c.name || c.id}: ${what}`);
  }
  told = now;
  if (news.length) text(document.getElementById('announce'), news.length > 3 ? `${news.length} clients changed their state` : news.join('. '));
}

// liveness says whether the figures are of now. Figures that are not are dimmed, and their time is named.
function liveness() {
  const of = model.at ? clock(model.at) : '';
  const left = Math.max(1, Math.round((retryAt - Date.now()) / 1000));
  const [label, note] = {
    wait: ['connecting', ''],
    live: ['live', ''],
    paused: ['paused', ''],
    stale: ['no news', `No news from the process: the figures are of ${of}.`],
    lost: ['connection lost', `Connection lost. ${of ? `The figures are of ${of}. ` : ''}Next try in ${left} s.`],
  }[status];
  attr(document.getElementById('live'), 'data-state', status);
  text(document.getElementById('live-text'), label);
  const line = document.getElementById('stale');
  // While it tries again, the note of the loss stays.
  if (note || status !== 'wait') text(line, note);
  show(line, line.textContent !== '');
  main.classList.toggle('stale', !!model.at && status !== 'live');
  actions.enable(status === 'live');
}

const stream = new Stream({
  state(s) {
    const first = !model.at;
    model.state(s);
    told = first ? new Map() : told;
    soon();
  },
  tick(t) {
    model.tick(t);
    soon();
  },
  status(name, at = 0) {
    if (name === status && at === retryAt) return;
    [status, retryAt] = [name, at];
    liveness();
  },
});

addEventListener('hashchange', () => {
  for (const d of document.querySelectorAll('dialog[open]')) d.close();
  soon();
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
});

wireDialogs();
looked = route();
stream.look(looked);
