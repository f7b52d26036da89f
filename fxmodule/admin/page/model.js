// SPDX-License-Identifier: Apache-2.0

// What the page knows: the last state of the stream, with the ticks since then added.

const history = 15 * 60 * 1000; // ms that points are kept for
const mostOperations = 100;

export class Model {
  at = null; // instant of the last message, by the server's clock
  service = { name: '' };
  actions = false;
  reload = false;
  traceURL = '';
  clients = new Map(); // by id

  // state replaces everything.
  state(s) {
    this.at = s.at;
    this.service = s.service ?? { name: '' };
    this.actions = !!s.actions;
    this.reload = !!s.reload;
    this.traceURL = s.trace_url ?? '';
    this.clients = new Map((s.clients ?? []).map((c) => [c.id, c]));
  }

  // tick adds what changed.
  tick(t) {
    this.at = t.at;
    for (const id of t.gone ?? []) this.clients.delete(id);
    for (const s of t.summaries ?? []) {
      const c = this.clients.get(s.id);
      if (c) replaceSummary(c, s);
      else this.clients.set(s.id, s);
    }
    if (t.client) this.#merge(t.client);
  }

  #merge(change) {
    const { points, operations, state, ...rest } = change;
    let c = this.clients.get(change.id);
    if (!c) this.clients.set(change.id, (c = {}));
    Object.assign(c, rest);
    if (state) {
      state.settings ??= c.state?.settings; // null if they are as before
      state.changes ??= c.state?.changes;
      c.state = state;
    }
    if (points) c.points = mergePoints(c.points ?? [], points, Date.parse(this.at) - history);
    if (operations) c.operations = mergeOperations(c.operations ?? [], operations);
  }

  // link is the address of a trace elsewhere; "" if there is none. Only http and https are let through.
  link(traceID) {
    if (!this.traceURL || !traceID) return '';
    try {
      const url = new URL(this.traceURL.replaceAll('{trace_id}', encodeURIComponent(traceID)), location.href);
      return /^https?:$/.test(url.protocol) ? url.href : '';
    } catch {
      return '';
    }
  }
}

// parts are what a client has beside its summary. A field that a new summary leaves out is empty.
const parts = ['state', 'flow', 'points', 'breaker', 'gate', 'operations'];

function replaceSummary(c, s) {
  for (const key of Object.keys(c)) {
    if (!parts.includes(key) && !(key in s)) delete c[key];
  }
  Object.assign(c, s);
}

function mergePoints(old, fresh, oldest) {
  const byTime = new Map(old.map((p) => [p.at, p]));
  for (const p of fresh) byTime.set(p.at, p);
  return [...byTime.values()].filter((p) => Date.parse(p.at) > oldest).sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

function mergeOperations(old, fresh) {
  const byID = new Map(old.map((o) => [o.id, o]));
  for (const o of fresh) byID.set(o.id, o);
  return [...byID.values()].sort((a, b) => b.id - a.id).slice(0, mostOperations);
}
