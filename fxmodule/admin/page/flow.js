// SPDX-License-Identifier: Apache-2.0

// The chain as water: what comes to each stage, what a stage refuses and falls out, what comes
// again by retries, and what the backend answers. The thickness is the rate. A wide place draws
// the chain from left to right, a narrow one from top to bottom.

import { attr, el, show, svg, text } from './dom.js';
import { count, duration, latency, rate, short, words } from './format.js';

const thickest = 44; // of the water, in pixels
const charWidth = 6.1; // about, of the small text

export class Flow {
  #drawn = ''; // stages and size that the drawing is of
  #scale = 0; // rate of the thickest water, falls slowly
  #last = null;

  constructor() {
    this.svg = svg('svg', { class: 'flow', role: 'img' });
    this.note = el('p', { class: 'dim', hidden: true, text: 'The chain of this client has no trace stage, so its operations are not counted.' });
    this.root = el('div', { class: 'flow-box' }, this.svg, this.note);
    this.watch = new ResizeObserver(() => this.#last && this.update(...this.#last));
    this.watch.observe(this.root);
  }

  close() {
    this.watch.disconnect();
  }

  update(client, flow) {
    this.#last = [client, flow];
    const width = Math.floor(this.root.clientWidth);
    if (width < 100 || !flow) return;
    const stages = flow.stages ?? [];
    const wide = width >= stages.length * 112 + 190;
    const drawn = JSON.stringify([stages.map((s) => s.name), width, wide]);
    if (drawn !== this.#drawn) {
      this.#drawn = drawn;
      this.#build(stages, width, wide);
    }
    const most = Math.max(1e-9, flow.entered.rate, ...stages.map((s) => s.in));
    this.#scale = Math.max(most, this.#scale * 0.92);
    const thick = (r) => (r > 0 ? Math.max(1.5, Math.min(thickest, (thickest * r) / this.#scale)) : 0);
    show(this.note, !!flow.untraced);
    this.nodes.forEach((n, i) => this.#stage(n, stages[i], thick));
    this.#again(flow, thick);
    this.#backend(client, flow, stages, thick);
    attr(this.svg, 'aria-label', summary(client, flow, stages));
  }

  #build(stages, width, wide) {
    const n = stages.length;
    this.wide = wide;
    const size = wide ? [width, 208] : [width, 24 + n * 74 + 104];
    attr(this.svg, 'viewBox', `0 0 ${size[0]} ${size[1]}`);
    attr(this.svg, 'width', size[0]);
    attr(this.svg, 'height', size[1]);
    const [w, h] = wide ? [Math.min(138, (width - 176 - 20 * (n + 1)) / Math.max(1, n)), 72] : [Math.min(176, width - 150), 54];
    const [bw, bh] = wide ? [176, 92] : [Math.min(230, width - 40), 84];
    const step = wide ? (width - 20 - bw - 12) / Math.max(1, n) : 74;
    const at = (i) => (wide ? { x: 20 + i * step + (step - 14 - w) / 2, y: 56 } : { x: 40, y: 22 + i * step });
    this.geometry = { width, w, h, bw, bh, mid: wide ? 56 + h / 2 : 40 + w / 2 };
    const water = svg('g', { class: 'water' });
    const lost = svg('g', { class: 'lost' });
    const boxes = svg('g');
    this.again = svg('path', { class: 'again' });
    this.againLabel = svg('text', { class: 'd', 'text-anchor': 'middle' });
    this.nodes = stages.map((s, i) => this.#node(s, { ...at(i), i, before: i ? at(i - 1) : null, next: at(i + 1) }, water, lost, boxes));
    const b = wide ? { x: width - bw - 14, y: 56 + h / 2 - bh / 2 } : { x: 40 + w / 2 - Math.min(bw, w + 60) / 2, y: 22 + n * step + 6 };
    if (!wide) b.x = Math.max(8, b.x);
    const tall = wide ? [22, 42, 59, 76] : [20, 39, 55, 71];
    this.end = {
      ...b,
      water: water.appendChild(svg('rect')),
      out: water.appendChild(svg('rect')),
      failed: lost.appendChild(svg('rect')),
      box: svg('rect', { class: 'box', x: b.x, y: b.y, width: bw, height: bh, rx: 9 }),
      lines: tall.map((dy, i) => svg('text', { class: i ? 'd' : 'name', x: b.x + bw / 2, y: b.y + dy, 'text-anchor': 'middle' })),
    };
    boxes.append(this.end.box, ...this.end.lines);
    this.svg.replaceChildren(water, lost, this.again, boxes, this.againLabel);
  }

  #node(stage, place, water, lost, boxes) {
    const { w, h } = this.geometry;
    const { x, y } = place;
    const lines = (this.wide ? [23, 42, 60] : [17, 33, 47]).map((dy, i) => svg('text', { class: i ? 'd' : 'name', x: x + w / 2, y: y + dy, 'text-anchor': 'middle' }));
    const box = svg('rect', { class: 'box', x, y, width: w, height: h, rx: 9 });
    const tip = svg('title');
    boxes.append(svg('g', {}, tip, box, ...lines));
    const label = (dy) => svg('text', { class: 'd', x: this.wide ? x + 4 : x + w + 30, y: dy });
    // Neighbours write on different lines, so that their labels do not meet.
    const labels = this.wide ? [label(y + h + (place.i % 2 ? 72 : 52))] : [label(y + h / 2 - 2), label(y + h / 2 + 12)];
    lost.append(...labels);
    return { ...place, lines, box, tip, labels, water: water.appendChild(svg('rect')), falls: lost.appendChild(svg('path', { class: 'fall' })) };
  }

  #stage(n, stage, thick) {
    const { w, h, mid, width } = this.geometry;
    // The water that comes: from the middle of the node before to the middle of this one.
    const t = thick(stage.in);
    if (this.wide) rect(n.water, n.before ? n.before.x + w / 2 : 0, mid - t / 2, n.before ? n.x - n.before.x : n.x + w / 2, t);
    else rect(n.water, mid - t / 2, n.before ? n.before.y + h / 2 : 0, t, n.before ? n.y - n.before.y : n.y + h / 2);
    const most = Math.floor(w / charWidth) - 1;
    text(n.lines[0], short(words(stage.name), most));
    text(n.lines[1], rate(stage.in));
    text(n.lines[2], short(note(stage), most));
    n.box.classList.toggle('bad', !!stage.bad);
    text(n.tip, [words(stage.name), note(stage), stage.refused.total && `${count(stage.refused.total)} refused so far`].filter(Boolean).join(', '));
    const r = thick(stage.refused.rate);
    const [x, y] = [n.x, n.y];
    if (!r) attr(n.falls, 'd', 'M0 0');
    else if (this.wide) attr(n.falls, 'd', `M${x + w / 2 - r / 2} ${y + h - 1}q0 20 8 ${n.i % 2 ? 56 : 36}h${r}q-8 ${n.i % 2 ? -30 : -14} -8 ${n.i % 2 ? -56 : -36}z`);
    else attr(n.falls, 'd', `M${x + w - 1} ${y + h / 2 - r / 4}q14 0 22 8v${r / 2}q-8 -8 -22 -8z`);
    const reason = words(stage.reasons?.[0]?.reason ?? '');
    const lines = !r ? [] : this.wide ? [`${rate(stage.refused.rate)} refused${reason ? ': ' + reason : ''}`] : [`${rate(stage.refused.rate)} refused`, reason];
    const room = this.wide ? Math.min(2 * (n.next.x - x), width - x) - 12 : width - x - w - 32;
    n.labels.forEach((l, i) => text(l, short(lines[i] ?? '', Math.floor(room / (charWidth - 0.6)))));
  }

  // again draws the further attempts, as a loop from the last stage back to retry.
  #again(flow, thick) {
    const from = this.nodes.at(-1);
    const to = this.nodes.find((n, i) => ['retry', 'hedge'].includes(flow.stages[i].name));
    const r = flow.further.rate;
    if (!to || !(r > 0)) {
      attr(this.again, 'd', 'M0 0');
      text(this.againLabel, '');
      return;
    }
    const { w, h } = this.geometry;
    const t = Math.min(9, thick(r));
    attr(this.again, 'stroke-width', t.toFixed(1));
    const cause = words(flow.causes?.[0]?.reason ?? '');
    if (this.wide) {
      const [a, b] = [from.x + w / 2, to.x + w / 2];
      attr(this.again, 'd', `M${a} 56v-12q0 -14 -14 -14H${b + 14}q-14 0 -14 14v12`);
      attr(this.againLabel, 'x', (a + b) / 2);
      attr(this.againLabel, 'y', 18);
      text(this.againLabel, short(`${rate(r)} further attempts${cause ? ', after ' + cause : ''}`, Math.floor((a - b + 160) / charWidth)));
    } else {
      const [a, b] = [from.y + h / 2, to.y + h / 2];
      attr(this.again, 'd', `M40 ${a}h-12q-14 0 -14 -14V${b + 14}q0 -14 14 -14h12`);
      attr(this.againLabel, 'x', 0);
      attr(this.againLabel, 'y', 0);
      // There is no room beside the loop: the node of retry says it.
      text(this.againLabel, '');
      text(to.lines[2], short(`+ ${rate(r)} again`, 26));
    }
  }

  #backend(client, flow, stages, thick) {
    const { w, h, mid, bw, bh, width } = this.geometry;
    const last = this.nodes.at(-1);
    const e = this.end;
    const arrives = last ? Math.max(0, stages.at(-1).in - stages.at(-1).refused.rate) : flow.entered.rate;
    const answered = flow.ok.rate + flow.answered.rate;
    const [t, good, bad] = [thick(arrives), thick(answered), thick(flow.failed.rate)];
    if (this.wide) {
      rect(e.water, last ? last.x + w / 2 : 0, mid - t / 2, e.x - (last ? last.x + w / 2 : 0) + 4, t);
      rect(e.out, e.x + bw - 4, mid - good / 2, width - e.x - bw + 4, good);
      rect(e.failed, e.x + bw - 4, mid + good / 2 + 1, width - e.x - bw + 4, bad);
    } else {
      rect(e.water, mid - t / 2, last ? last.y + h / 2 : 0, t, e.y - (last ? last.y + h / 2 : 0) + 4);
      rect(e.out, mid - good / 2, e.y + bh - 4, good, 18);
      rect(e.failed, mid + good / 2 + 1, e.y + bh - 4, bad, 18);
    }
    const s = client.state;
    const most = Math.floor(bw / charWidth);
    text(e.lines[0], short(s?.address || s?.system || client.system || 'backend', most - 2));
    text(e.lines[1], `p50 ${latency(flow.p50)} · p99 ${latency(flow.p99)}`);
    text(e.lines[2], `${rate(answered)} answered`);
    text(e.lines[3], `${rate(flow.failed.rate)} failed`);
    e.lines[3].classList.toggle('bad-ink', flow.failed.rate > 0);
    e.box.classList.toggle('bad', flow.failed.rate > answered && flow.failed.rate > 0);
  }
}

function rect(node, x, y, width, height) {
  attr(node, 'x', x.toFixed(1));
  attr(node, 'y', y.toFixed(1));
  attr(node, 'width', Math.max(0, width).toFixed(1));
  attr(node, 'height', Math.max(0, height).toFixed(1));
}

// note is the third line of a stage: its state, or how long it makes wait.
function note(stage) {
  if (stage.state) return words(stage.state);
  if (stage.waits?.rate > 0 && stage.wait_mean > 0) return `${duration(stage.wait_mean)} wait`;
  if (stage.timed_out?.rate > 0) return `${rate(stage.timed_out.rate)} timed out`;
  return '';
}

function summary(client, flow, stages) {
  const parts = [`${rate(flow.entered.rate)} enter`];
  for (const s of stages) {
    if (s.refused.rate > 0) parts.push(`${words(s.name)} refuses ${rate(s.refused.rate)}`);
  }
  if (flow.further.rate > 0) parts.push(`${rate(flow.further.rate)} further attempts`);
  parts.push(`${rate(flow.ok.rate + flow.answered.rate)} answered`, `${rate(flow.failed.rate)} failed`);
  return `${client.name}: chain ${stages.map((s) => words(s.name)).join(', ')}. ${parts.join('; ')}.`;
}
