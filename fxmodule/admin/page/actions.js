// SPDX-License-Identifier: Apache-2.0

// Actions: each is confirmed, and sent with the token. The token is kept in a variable of this
// page alone, never in a cookie or in the browser's storage.

import { ask } from './dialogs.js';
import { el, show, text } from './dom.js';

const get = (id) => document.getElementById(id);

// texts of the actions: button, question, what follows.
export const texts = {
  breaker_reset: ['Reset', 'Reset the breaker?', 'The breaker closes, and counts from zero.'],
  breaker_open: ['Force open', 'Force the breaker open?', 'Every operation is refused until the breaker is reset.'],
  breaker_close: ['Force closed', 'Force the breaker closed?', 'Every operation passes until the breaker is reset, whatever fails.'],
  breaker_watch: ['Watch only', 'Let the breaker watch only?', 'The breaker goes on counting, and refuses nothing until it is reset.'],
  drain: ['Drain…', 'Drain and close this client?', 'Running operations may end, new ones are refused. The client stays closed until the process starts again.', 'Seconds for running operations', 10],
  resize: ['Resize…', 'Resize the pool?', 'The pool opens or closes connections to fit. The configuration does not change.', 'Connections at most', 1],
  reload: ['Reload', 'Reload the configuration?', 'The configuration is read again and checked. A faulty one changes nothing.'],
};

export class Actions {
  #model;
  #token = '';
  #by = '';
  #live = false;
  #hide = 0; // timeout of the toast

  constructor(model) {
    this.#model = model;
  }

  // button makes the button of an action; more returns further fields of the action.
  button(name, more) {
    const [label] = texts[name];
    return el('button', { type: 'button', class: 'action', 'data-action': name, text: label, click: () => this.#run(name, more()) });
  }

  // enable lets actions through, or not: nobody should act on figures of the past.
  enable(live) {
    this.#live = live;
    this.mark(document);
  }

  // mark enables the buttons within a node, or disables them and says why.
  mark(root) {
    const why = this.#model.actions ? (this.#live ? '' : 'Not while the connection is lost') : 'No token is configured, so there are no actions';
    for (const b of root.querySelectorAll('button.action')) {
      // aria-disabled keeps the button in the order of focus, so that its reason can be read.
      b.setAttribute('aria-disabled', String(!!why));
      b.title = why;
    }
  }

  async #run(name, more) {
    if (!this.#model.actions) return this.say('There are no actions: no token is configured for the admin endpoint.', true);
    if (!this.#live) return this.say('The connection is lost: no action now.', true);
    if (!this.#token && !(await this.#askToken(''))) return;
    const action = { action: name, ...more };
    if (!(await this.#confirm(name, action))) return;
    await this.#send(action);
  }

  async #askToken(why) {
    const input = get('token-input');
    input.value = '';
    text(get('token-why'), why || 'Actions need the token of the admin endpoint. The page keeps the token until it is closed or loaded again, and nowhere else.');
    get('token-by').value = this.#by;
    const yes = await ask(get('token-dialog'));
    if (yes) {
      this.#token = input.value.trim();
      this.#by = get('token-by').value.trim();
    }
    input.value = '';
    return yes && this.#token !== '';
  }

  async #confirm(name, action) {
    const [label, question, follows, field, preset] = texts[name];
    text(get('confirm-title'), question);
    const whom = action.client ? `Client ${action.client}${action.pool ? ', pool ' + action.pool : ''}. ` : '';
    text(get('confirm-text'), whom + follows);
    text(get('confirm-ok'), label.replace('…', ''));
    show(get('confirm-field'), !!field);
    const input = get('confirm-input');
    if (field) {
      text(get('confirm-label'), field);
      input.value = action.size ?? preset;
    }
    input.required = !!field;
    if (!(await ask(get('confirm-dialog')))) return false;
    if (name === 'drain') action.seconds = Number(input.value);
    if (name === 'resize') action.size = Number(input.value);
    return true;
  }

  async #send(action) {
    const headers = { 'Content-Type': 'application/json', Authorization: 'Bearer ' + this.#token };
    // A header holds ASCII alone.
    if (this.#by) headers['Penstock-By'] = this.#by.replace(/[^\x20-\x7e]/g, '?');
    let answer;
    let result = {};
    try {
      answer = await fetch('actions', { method: 'POST', headers, body: JSON.stringify(action), cache: 'no-store' });
      result = await answer.json().catch(() => ({}));
    } catch {
      return this.say('The process did not answer. Whether the action was done is not known.', true);
    }
    if (answer.status === 401) {
      this.#token = '';
      this.say(result.error || 'The token was refused.', true);
      if (await this.#askToken('The token was refused. ' + (result.error ?? ''))) await this.#send(action);
      return;
    }
    if (answer.ok) this.say(result.done || 'Done.');
    else this.say(result.error || `The process refused with status ${answer.status}.`, true);
  }

  // say shows a line for a while.
  say(line, bad = false) {
    const toast = get('toast');
    text(toast, line);
    toast.dataset.state = bad ? 'bad' : 'ok';
    toast.classList.add('shown');
    clearTimeout(this.#hide);
    this.#hide = setTimeout(() => toast.classList.remove('shown'), bad ? 12000 : 6000);
  }
}
