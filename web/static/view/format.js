/** Numbers with separators and units, times as UTC and as seconds of the run. */

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
/** @type {[number, string][]} */
const PREFIXES = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

/**
 * Return a whole number with thousands separators.
 * @param {number|string} n Int64 text, too
 */
export function whole(n) {
  if (n === null || n === undefined) return "–";
  return typeof n === "string" ? WHOLE.format(BigInt(n)) : WHOLE.format(n);
}

/** Return a number with three digits that count and the unit with its prefix. */
export function withUnit(value, unit) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const [scale, prefix] = PREFIXES.find(([least]) => Math.abs(value) >= least) ?? [1, ""];
  return `${digits(value / scale)} ${prefix}${unit}`;
}

/** Return a number with about three digits that count. */
export function digits(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.floor(Math.log10(Math.abs(value)));
  if (size < -4 || size > 6) return value.toExponential(2);
  return value.toFixed(Math.max(0, Math.min(6, 2 - size)));
}

/**
 * Return bytes with a binary prefix.
 * @param {number|string} n
 */
export function bytes(n) {
  let value = Number(n), unit = 0;
  for (; value >= 1024 && unit < 5; unit++) value /= 1024;
  return `${unit ? digits(value) : whole(value)} ${["B", "KiB", "MiB", "GiB", "TiB", "PiB"][unit]}`;
}

/**
 * Return a moment as UTC.
 * @param {string|Date|number} moment
 */
export function utc(moment, { fractions = false } = {}) {
  if (!moment && moment !== 0) return "–";
  const text = new Date(moment).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, fractions ? 23 : 19)} UTC`;
}

/** Return seconds of a run, with thousands separators and unit. */
export function seconds(s, places = 1) {
  if (s === null || s === undefined || !Number.isFinite(s)) return "–";
  const shown = Object.is(Number(s.toFixed(places)), -0) ? 0 : s;
  return `${shown.toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places })} s`;
}

/** Return a length of time in words: the two units that count. */
export function length(s) {
  if (s === null || s === undefined || !Number.isFinite(s)) return "–";
  if (s < 60) return `${s.toFixed(s < 10 ? 1 : 0)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/**
 * Return the seconds of a run at a tick.
 * @param {string|number} ticks
 * @param {number} tickNs
 */
export function toSeconds(ticks, tickNs) {
  return ticks === null || ticks === undefined ? null : Number(ticks) * tickNs * 1e-9;
}

/** Return whether a value is a number, also one of 64 bits, which comes as text. */
export function isNumber(value) {
  return typeof value === "number" || (typeof value === "string" && /^-?\d+$/.test(value));
}
