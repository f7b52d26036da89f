// SPDX-License-Identifier: Apache-2.0

// Numbers, times and words as people read them. A value that is not known is a dash.

export const dash = '–';

const known = (x) => typeof x === 'number' && Number.isFinite(x);

// digits keeps about three significant digits: 0.42, 4.2, 42, 420.
function digits(x) {
  if (x >= 100 || x === 0) return Math.round(x).toLocaleString('en');
  if (x >= 10) return x.toFixed(0);
  if (x >= 1) return trim(x.toFixed(1));
  return trim(x.toFixed(2));
}

const trim = (s) => (s.includes('.') ? s.replace(/\.?0+$/, '') : s);

// count is a whole number.
export function count(n) {
  if (!known(n)) return dash;
  if (n >= 1e9) return trim((n / 1e9).toFixed(2)) + ' G';
  if (n >= 1e7) return trim((n / 1e6).toFixed(1)) + ' M';
  return Math.round(n).toLocaleString('en');
}

// rate is a number of events a second.
export function rate(x) {
  if (!known(x)) return dash;
  if (x > 0 && x < 0.01) return '<0.01/s';
  if (x >= 1e5) return Math.round(x / 1e3).toLocaleString('en') + ' k/s';
  return digits(x) + '/s';
}

// duration is a time in seconds: "22 µs", "3.1 ms", "2.4 s", "1 min 20 s", "3 d 4 h".
export function duration(s) {
  if (!known(s)) return dash;
  if (s < 0) s = 0;
  if (s === 0) return '0 s';
  if (s < 0.9995e-6) return digits(s * 1e9) + ' ns';
  if (s < 0.9995e-3) return digits(s * 1e6) + ' µs';
  if (s < 0.9995) return digits(s * 1e3) + ' ms';
  if (s < 59.95) return trim(s.toFixed(s < 9.95 ? 2 : 1)) + ' s';
  const whole = Math.round(s);
  const [d, h, m] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  if (d > 0) return `${d} d ${h} h`;
  if (h > 0) return `${h} h ${m} min`;
  return `${m} min ${whole % 60} s`;
}

// latency is a duration where zero means that there was nothing to measure.
export const latency = (s) => (s > 0 ? duration(s) : dash);

// percent is a share of a whole.
export function percent(part, whole) {
  if (!known(part) || !(whole > 0)) return dash;
  const p = (100 * part) / whole;
  if (p > 0 && p < 0.1) return '<0.1 %';
  if (p > 99.9 && p < 100) return '>99.9 %';
  return trim(p.toFixed(p < 10 ? 1 : 0)) + ' %';
}

const two = (n) => String(n).padStart(2, '0');

// clock is the time of day of an instant, where the reader is.
export function clock(t, parts = 'seconds') {
  const d = new Date(t);
  if (Number.isNaN(d.getTime())) return dash;
  let s = `${two(d.getHours())}:${two(d.getMinutes())}`;
  if (parts !== 'minutes') s += ':' + two(d.getSeconds());
  if (parts === 'millis') s += '.' + String(d.getMilliseconds()).padStart(3, '0');
  return s;
}

// moment is the time of an instant, with the day if that is not the day of now.
export function moment(t, now) {
  const d = new Date(t);
  if (d.toDateString() === new Date(now).toDateString() || Number.isNaN(d.getTime())) return clock(t);
  return `${d.getDate()} ${d.toLocaleString('en', { month: 'short' })} ${clock(t, 'minutes')}`;
}

// seconds from one instant to another; NaN if one is missing.
export const since = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;

// words turns a name of telemetry into words: half_open is "half-open".
export function words(s) {
  if (!s) return '';
  return s.replace(/^(half|forced)_/, '$1-').replaceAll('_', ' ');
}

// outcome is how the page calls an outcome.
export const outcome = (s) => (s === 'rejected' ? 'refused' : s);

// plural is "1 caller", "2 callers".
export const plural = (n, noun) => `${count(n)} ${noun}${n === 1 ? '' : 's'}`;

// short cuts a text to so many characters.
export const short = (s, most) => (s.length <= most ? s : s.slice(0, Math.max(1, most - 1)) + '…');
