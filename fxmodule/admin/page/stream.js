// SPDX-License-Identifier: Apache-2.0

// The stream of events. It is open only while the page is seen. It never goes quiet unnoticed: a
// message is due each second, and after 4 s without one the figures are called stale.

const quiet = 4000; // ms without a message until the figures are stale
const dead = 10000; // ms until the stream is opened again
const waits = [500, 1000, 2000, 4000]; // ms before each further try; the last one repeats

export class Stream {
  #source = null;
  #client = '';
  #watch = 0; // interval
  #again = 0; // timeout
  #tries = 0;
  #last = 0; // time of the last message
  #heard = false; // whether a stream for this client has ever had a message
  #on;

  // on has state(s), tick(t), and status(name, retryAt): "wait", "live", "stale", "lost" or "paused".
  constructor(on) {
    this.#on = on;
    document.addEventListener('visibilitychange', () => this.#seen());
    // A page that comes back from the browser's cache had its connections cut.
    addEventListener('pageshow', (e) => e.persisted && this.#seen());
    addEventListener('online', () => this.#source || this.#seen());
  }

  // look opens the stream for a client; "" looks at no single one.
  look(client) {
    this.#client = client;
    this.#tries = 0;
    this.#heard = false;
    this.#seen();
  }

  #seen() {
    this.#stop();
    if (document.hidden) this.#on.status('paused');
    else this.#open();
  }

  #stop() {
    this.#source?.close();
    this.#source = null;
    clearInterval(this.#watch);
    clearTimeout(this.#again);
  }

  #open() {
    this.#on.status('wait');
    // The client of an old address may be gone, and the stream refused because of it: then without it.
    const client = this.#tries > 0 && this.#tries % 2 === 1 && !this.#heard ? '' : this.#client;
    const source = new EventSource('events' + (client ? '?client=' + encodeURIComponent(client) : ''));
    this.#source = source;
    this.#last = performance.now();
    source.addEventListener('state', (e) => this.#message(source, () => this.#on.state(JSON.parse(e.data))));
    source.addEventListener('tick', (e) => this.#message(source, () => this.#on.tick(JSON.parse(e.data))));
    source.addEventListener('error', () => source === this.#source && this.#lost());
    this.#watch = setInterval(() => {
      const silent = performance.now() - this.#last;
      if (silent > dead) this.#lost();
      else if (silent > quiet) this.#on.status('stale');
    }, 1000);
  }

  #message(source, deliver) {
    if (source !== this.#source) return;
    this.#last = performance.now();
    this.#tries = 0;
    this.#heard = true;
    deliver();
    this.#on.status('live');
  }

  // EventSource would try again by itself, but neither after a refusal nor with growing waits.
  #lost() {
    this.#stop();
    const wait = waits[Math.min(this.#tries++, waits.length - 1)] * (0.8 + 0.4 * Math.random());
    this.#on.status('lost', Date.now() + wait);
    this.#again = setTimeout(() => this.#open(), wait);
  }
}
