// SPDX-License-Identifier: Apache-2.0

// The two charts of a client, by uPlot: outcomes stacked, and latencies. Colours come from the style
// sheet, so that light and dark have their own.

import { el, text } from './dom.js';
import { duration, latency, rate } from './format.js';

const minutes = 15;
const height = 168; // as in the style sheet

let colors = {};

function readColors() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ['dim', 'line', 'water', 'water-soft', 'bad', 'bad-soft', 'warn', 'warn-soft', 'ink']) {
    colors[name] = style.getPropertyValue('--' + name).trim();
  }
}

// Chart is one chart with its legend. series have label, stroke, fill (colour names), dash and show(value).
class Chart {
  #plot = null;
  #data = [[]];
  #now = 0;

  constructor(title, series, { axis, least, bands = [], log = false }) {
    this.series = series;
    this.box = el('div', { class: 'plot', role: 'img', 'aria-label': title });
    this.values = series.map((s) => el('b', { text: '–' }));
    this.legend = el('p', { class: 'legend' }, ...series.map((s, i) => el('span', {}, el('i', { class: 'swatch ' + s.swatch }), s.label + ' ', this.values[i])));
    this.title = title;
    this.options = { axis, least, bands, log };
    this.watch = new ResizeObserver(() => this.#size());
    this.watch.observe(this.box);
  }

  close() {
    this.watch.disconnect();
    this.#plot?.destroy();
    this.#plot = null;
  }

  // set shows values: xs in seconds, then an array for each series. legend has the arrays that the
  // legend reads, where they differ from what is drawn.
  set(now, xs, drawn, legend = drawn) {
    this.#now = now;
    this.#data = [xs, ...drawn];
    this.read = legend;
    this.#size();
    this.#plot?.setData(this.#data);
    if (this.#plot?.cursor.idx == null) this.#say(null);
  }

  // redraw uses the colours anew.
  redraw() {
    this.#plot?.redraw(false, true);
  }

  #say(at) {
    const i = at ?? this.#data[0].length - 1;
    this.series.forEach((s, n) => text(this.values[n], s.show(this.read[n]?.[i])));
    if (at == null) this.box.setAttribute('aria-label', `${this.title}: ` + this.series.map((s, n) => `${s.label} ${this.values[n].textContent}`).join(', '));
  }

  #size() {
    const width = Math.floor(this.box.clientWidth);
    if (width < 50) return;
    if (!this.#plot) this.#make(width);
    else if (this.#plot.width !== width) this.#plot.setSize({ width, height });
  }

  #make(width) {
    const { axis, least, bands, log } = this.options;
    const line = { stroke: () => colors.line, width: 1 };
    const font = '11px system-ui, sans-serif';
    this.#plot = new window.uPlot(
      {
        width,
        height,
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: false, y: false }, sync: { key: 'penstock' } },
        scales: {
          x: { time: true, range: () => [this.#now - minutes * 60, this.#now] },
          y: log ? { distr: 3, range: (u, min, max) => decades(min, max) } : { range: (u, min, max) => [0, Math.max(least, (max || 0) * 1.1)] },
        },
        axes: [
          { stroke: () => colors.dim, grid: { show: false }, ticks: { show: false }, font, size: 24, space: 70, values: (u, at) => at.map((t) => clockMinutes(t)) },
          { stroke: () => colors.dim, grid: line, ticks: { show: false }, font, size: 56, space: 32, ...(log && { splits: tens, filter: (u, at) => at }), values: (u, at) => at.map((v) => (v === 0 ? '0' : axis(v))) },
        ],
        series: [
          {},
          ...this.series.map((s) => ({
            label: s.label,
            stroke: () => colors[s.stroke],
            fill: s.fill && (() => colors[s.fill]),
            width: s.width ?? 1.5,
            dash: s.dash,
            points: { show: false },
          })),
        ],
        bands: bands.map((b) => ({ series: b.series, fill: () => colors[b.fill] })),
        hooks: { setCursor: [(u) => this.#say(u.cursor.idx)] },
      },
      this.#data,
      this.box,
    );
  }
}

function clockMinutes(t) {
  const d = new Date(t * 1000);
  return String(d.getHours()).padStart(2, '0') + ':' + String(d.getMinutes()).padStart(2, '0');
}

// decades is the range of a logarithmic axis: whole powers of ten around the values, two at least.
function decades(min, max) {
  if (!(min > 0)) return [0.001, 1];
  const low = Math.floor(Math.log10(min) + 1e-9);
  return [10 ** low, 10 ** Math.max(low + 2, Math.ceil(Math.log10(max) - 1e-9))];
}

// tens are the powers of ten on a logarithmic axis.
function tens(u, axis, min, max) {
  const all = [];
  for (let e = Math.round(Math.log10(min)); e <= Math.round(Math.log10(max)); e++) all.push(Number(`1e${e}`));
  return all;
}

export class Charts {
  constructor() {
    readColors();
    const asRate = (x) => rate(x ?? NaN);
    const asTime = (x) => latency(x ?? NaN);
    this.outcomes = new Chart(
      'Operations a second by outcome',
      [
        { label: 'answered', swatch: 'water', stroke: 'water', fill: 'water-soft', show: asRate },
        { label: 'failed', swatch: 'bad', stroke: 'bad', width: 0, show: asRate },
        { label: 'refused', swatch: 'warn', stroke: 'warn', width: 0, show: asRate },
      ],
      { axis: rate, least: 1, bands: [{ series: [2, 1], fill: 'bad-soft' }, { series: [3, 2], fill: 'warn-soft' }] },
    );
    this.latency = new Chart(
      'Latency of operations',
      [
        { label: 'p50', swatch: 'water', stroke: 'water', width: 2, show: asTime },
        { label: 'p99', swatch: 'warn dashed', stroke: 'warn', width: 2, dash: [6, 3], show: asTime },
        { label: 'longest', swatch: 'dim', stroke: 'dim', width: 1, dash: [2, 3], show: asTime },
      ],
      { axis: duration, log: true },
    );
    this.scheme = matchMedia('(prefers-color-scheme: dark)');
    this.onScheme = () => {
      readColors();
      this.outcomes.redraw();
      this.latency.redraw();
    };
    this.scheme.addEventListener('change', this.onScheme);
  }

  close() {
    this.scheme.removeEventListener('change', this.onScheme);
    this.outcomes.close();
    this.latency.close();
  }

  update(at, points) {
    const now = Date.parse(at) / 1000;
    const xs = points.map((p) => Date.parse(p.at) / 1000);
    const good = points.map((p) => p.ok + p.answered);
    const failed = points.map((p) => p.failed);
    const refused = points.map((p) => p.rejected);
    const stacked = [good, good.map((g, i) => g + failed[i]), good.map((g, i) => g + failed[i] + refused[i])];
    this.outcomes.set(now, xs, stacked, [good, failed, refused]);
    // Without an operation there is no latency: a gap, not a zero.
    const times = (key) => points.map((p) => (p[key] > 0 ? p[key] : null));
    this.latency.set(now, xs, [times('p50'), times('p99'), times('max')]);
  }
}
