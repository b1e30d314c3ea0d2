/** What a view of events selects: run, rows of a trigger, a range of time, a selection; asked as one. */

import { ask } from "../api/ask.js";

const GIVEN = "$run: String, $of: String!, $lineage: String, $start: Moment, $stop: Moment, $where: String!";
const ROWS = "of: $of, lineage: $lineage, start: $start, stop: $stop, where: $where";
const HISTOGRAM = `query (${GIVEN}, $column: String!, $bins: Int!, $low: Float, $high: Float, $told: Boolean = false) { run(which: $run) {
  histogram(${ROWS}, column: $column, bins: $bins, low: $low, high: $high) { low high counts partial @include(if: $told) } } }`;
const PLANE = `query (${GIVEN}, $x: String!, $y: String!, $xBins: Int!, $yBins: Int!, $xLow: Float, $xHigh: Float, $yLow: Float, $yHigh: Float) { run(which: $run) {
  histogram2d(${ROWS}, x: $x, y: $y, xBins: $xBins, yBins: $yBins, xLow: $xLow, xHigh: $xHigh, yLow: $yLow, yHigh: $yHigh) { x { low high bins } y { low high bins } counts } } }`;
const CANDIDATES = `query ($run: String, $of: String!, $lineage: String, $start: Moment, $stop: Moment, $where: String!, $after: String) { run(which: $run) {
  candidates(trigger: $of, lineage: $lineage, start: $start, stop: $stop, where: $where, first: 100, after: $after) {
    pageInfo { hasNextPage endCursor } edges { node { t tS values } } } } }`;
const EVENTS = `query ($run: String, $of: String!, $lineage: String, $start: Moment, $stop: Moment, $where: String!, $after: String) { run(which: $run) {
  events(trigger: $of, lineage: $lineage, start: $start, stop: $stop, where: $where, first: 100, after: $after) {
    pageInfo { hasNextPage endCursor } edges { node { t tS nWords continued triggers } } } } }`;
const CHECK = `query ($run: String, $of: String!, $lineage: String, $where: String!) { run(which: $run) {
  selection(of: $of, lineage: $lineage, where: $where) { problem start stop columns } } }`;
const FEW_VALUES = 200;

/** @typedef {{run: string|null, of: string, lineage: string|null, from?: string|null, to?: string|null, where: string}} View */

/**
 * Return the variables that every question about a view has.
 * @param {View} view
 */
export function given({ run, of, lineage, from, to, where }) {
  return { run, of, lineage: lineage || null, start: from || null, stop: to || null, where: where ?? "" };
}

/**
 * Return the histogram of a column; whole numbers of few values have a bin each.
 * @param {View} view
 * @param {string} column
 * @param {{bins?: number, whole?: boolean, low?: number|null, high?: number|null, told?: boolean}} axis ends that are null are those of the values; `told`: with the sentence that says for which part the trigger was not run
 * @param {AbortSignal} [signal]
 */
export async function histogramOf(view, column, { bins = 100, whole = false, low = null, high = null, told = false } = {}, signal = undefined) {
  const asked = { ...given(view), column, low, high, told };
  const first = (await ask(HISTOGRAM, { ...asked, bins }, signal)).run.histogram;
  const values = first.high - first.low + 1;
  if (!whole || values > FEW_VALUES) return first;
  return (await ask(HISTOGRAM, { ...asked, bins: values, low: first.low - 0.5, high: first.low + values - 0.5 }, signal)).run.histogram;
}

/**
 * Return counts of two columns in cells; whole numbers of few values have a row of cells each.
 * @param {View} view
 * @param {{name: string, whole: boolean}[]} axes x and y
 * @param {AbortSignal} signal
 */
export async function planeOf(view, [x, y], signal) {
  const asked = { ...given(view), x: x.name, y: y.name, xBins: 60, yBins: 40 };
  const first = (await ask(PLANE, asked, signal)).run.histogram2d;
  const own = { ...wholeBins("x", x, first.x), ...wholeBins("y", y, first.y) };
  return Object.keys(own).length ? (await ask(PLANE, { ...asked, ...own }, signal)).run.histogram2d : first;
}

function wholeBins(name, { whole }, { low, high }) {
  const values = high - low + 1;
  if (!whole || values > FEW_VALUES) return {};
  return { [`${name}Bins`]: values, [`${name}Low`]: low - 0.5, [`${name}High`]: low + values - 0.5 };
}

/** Return a page of rows: events where the trigger builds some, else candidates. */
export async function rowsOf(view, builds, after, signal) {
  const { run } = await ask(builds ? EVENTS : CANDIDATES, { ...given(view), after }, signal);
  return run.events ?? run.candidates;
}

/** Return what is wrong with a selection over the view's rows. */
export async function checkOf({ run, of, lineage }, where) {
  return (await ask(CHECK, { run, of, lineage: lineage || null, where })).run.selection;
}

/** Return the address of an export of what is selected. */
export function exportOf(view, builds, format) {
  const { run, of, lineage, start, stop, where } = given(view);
  const kept = { format, start, stop, where, lineage, trigger: of === "hits" ? null : of };
  const query = new URLSearchParams(Object.entries(kept).filter(([, value]) => value));
  return `export/${encodeURIComponent(run)}/${of === "hits" ? "hits" : builds ? "events" : "candidates"}?${query}`;
}

/** Return a selection that also keeps a column within [low, high), or up to high where that is an end. */
export function narrowed(where, column, low, high, last = false) {
  const own = `${low} <= ${column} ${last ? "<=" : "<"} ${high}`;
  return where ? `(${where}) and ${own}` : own;
}
