/** Live: what the detector does now, and how old that is. */

import { ask } from "../api/ask.js";
import { listen } from "../api/listen.js";
import { chamberMap } from "../plots/chambers.js";
import { drawEvent } from "../plots/event_drawing.js";
import { seriesPlot } from "../plots/time_series.js";
import { addressOf, note } from "../view/address.js";
import { detectorOf } from "../view/detector.js";
import { el, fill } from "../view/dom.js";
import { length, seconds, toSeconds, utc, whole } from "../view/format.js";
import { panel } from "../view/panel.js";
import { pull } from "../view/pull.js";
import { table } from "../view/table.js";
import { alarmsPanel } from "./alarms.js";
import { rateHistory } from "./rate_history.js";

export const title = "Live";

const SPANS = { "1 min": 60, "10 min": 600, "1 h": 3600, "8 h": 28800, all: null };
const FAST_MS = 1000;
const MOST_PACE = 100;
const SLOW_MS = 2000;
const OCCUPANCY_S = 10;
/** Of a run without new words for so long it is said that it stands still. */
const STILL_S = 3;

const STATE = `query ($run: String) { run(which: $run) { number name state note startedAt stoppedAt tickNs words first last
  detector { name fingerprint slice } links { link words corrupt watermark watermarkS }
  results { trigger lineage rows failed behindS doneTo incomplete seconds cells } progress { trigger tasks backlog } liveTime } }`;
const OCCUPANCY = "query ($run: String, $start: Moment, $stop: Moment) { run(which: $run) { occupancy(start: $start, stop: $stop) { channel hits } } }";
const READOUTS = "{ readouts { name run trouble } }";
const NEWEST = `query ($run: String) { run(which: $run) { newestEvent { event { t tEnd tS triggers nWords words { t tNs link hit values positionMm } }
  found { trigger rows } shape { kind element positionMm sizeMm view } } } }`;

/**
 * Open the page.
 * @param {Element} root
 * @param {{run?: string, span?: string, from?: string, to?: string, pace?: string}} params `pace`: how often a second the history is asked for
 */
export function open(root, params, me) {
  const view = { run: params.run ?? null, span: params.span in SPANS ? params.span : "10 min", from: params.from ?? null, to: params.to ?? null };
  const head = el("div", { class: "title" });
  const still = el("p", { class: "notice", role: "status", hidden: true });
  const now = panel("The run", { aged: true, wide: "two-thirds" });
  const alarms = alarmsPanel(me, "third");
  const links = panel("Links", { aged: true });
  const triggers = panel("Triggers", { aged: true });
  const spans = el("div", { class: "buttons", role: "group", "aria-label": "Range of the history" });
  const history = panel("Hits a second, by link", { aged: true, tools: [spans] });
  const newest = panel("The newest event", { aged: true, wide: "two-thirds" });
  const places = panel(`Where hits are: the last ${OCCUPANCY_S} s`, { aged: true, wide: "third" });
  const plot = seriesPlot({ unit: "Hz", label: "Rate of each link over time", x: "seconds of the run", zoomed: zoom, height: 250 });
  history.show(plot.element, el("p", { class: "hint" }, "Drag over the plot to zoom; a button above leads back to the newest data."));
  const left = el("div", { class: "column two-thirds" }, history.element);
  const right = el("div", { class: "column third" }, links.element, triggers.element);
  fill(root, head, still, el("div", { class: "grid" }, now.element, alarms.element, left, right, places.element, newest.element));

  let run = null;
  let drawnEvent = null;
  let shown = null;
  let readouts = null;
  let movedAt = performance.now();
  const readHistory = rateHistory();

  const pulls = [
    pull(FAST_MS, readState, cut),
    pull(1000 / (Math.min(MOST_PACE, Number(params.pace)) || 1), readRates, history.fail),
    pull(SLOW_MS, readOccupancy, places.fail),
    pull(SLOW_MS, readNewest, newest.fail),
    pull(SLOW_MS, readReadouts),
  ];
  const unheard = listen("subscription { runState { number state } }", {}, () => pulls[0].now());
  drawSpans();

  async function readState(signal) {
    let found;
    try {
      found = (await ask(STATE, { run: view.run }, signal)).run;
    } catch (fault) {
      if (fault.code !== "usage" || run) throw fault;
      return noRun(fault.message);
    }
    const before = run;
    run = found;
    if (before?.number !== run.number) pulls.slice(1).forEach((each) => each.now());
    if (before?.number !== run.number || before.words !== run.words) movedAt = performance.now();
    drawHead(head, run, tellStill());
    drawRun(now, before, run);
    drawLinks(links, run);
    drawTriggers(triggers, run);
    for (const each of [now, links, triggers]) each.fresh();
  }

  function cut(text) {
    [now, links, triggers].forEach((each) => each.fail(text));
    if (text) movedAt = performance.now(); // nobody knows what came meanwhile
  }

  /** Tell why an open run brings nothing; return whether it does not. */
  function tellStill() {
    const s = (performance.now() - movedAt) / 1000;
    const silent = run.state === "OPEN" && s > STILL_S;
    still.hidden = !silent;
    still.textContent = silent ? `No word has come for ${length(s)}: ${whyStill(run, readouts)}` : "";
    return silent;
  }

  /** Ask who takes the run; where readouts take no orders nobody knows. */
  async function readReadouts(signal) {
    try {
      ({ readouts } = await ask(READOUTS, {}, signal));
    } catch (fault) {
      if (fault.code !== "usage") throw fault;
      readouts = null;
    }
  }

  function noRun(message) {
    fill(head, el("h1", {}, "No run yet"));
    now.show(el("p", {}, message), el("p", { class: "hint" }, "Start one on the page ", el("a", { href: addressOf("runs") }, "Runs"), ", or with ", el("code", {}, "everyhit demo"), "."));
  }

  async function readRates(signal) {
    if (!run) return;
    const back = SPANS[view.span];
    const end = Math.max(0.001, ...run.links.map((each) => each.watermarkS));
    const from = view.from !== null ? Number.parseFloat(view.from) : back === null ? toSeconds(run.first, run.tickNs) ?? 0 : Math.max(0, end - back);
    const to = view.to !== null ? Number.parseFloat(view.to) : end;
    const { names, columns } = await readHistory(run, from, Math.max(from, Math.min(to, end)), signal);
    plot.set(names, columns);
    history.fresh();
  }

  async function readOccupancy(signal) {
    if (!run) return;
    const detector = await detectorOf(run, signal);
    const end = Math.max(0, ...run.links.map((each) => each.watermarkS));
    const begin = Math.max(0, end - OCCUPANCY_S);
    const { occupancy } = (await ask(OCCUPANCY, { run: String(run.number), start: `${begin.toFixed(3)} s`, stop: `${Math.max(end, 0.001).toFixed(3)} s` }, signal)).run;
    if (shown?.fingerprint !== run.detector.fingerprint) {
      shown = occupancyPicture(detector);
      shown.fingerprint = run.detector.fingerprint;
      places.show(shown.element);
    }
    shown.set(occupancy, Math.max(end - begin, 0.1));
    places.fresh();
  }

  async function readNewest(signal) {
    if (!run) return;
    const display = (await ask(NEWEST, { run: String(run.number) }, signal)).run.newestEvent;
    newest.fresh();
    if (!display) return newest.show(el("p", { class: "empty" }, "No event yet. Events are made where the trigger “events” runs on the run."));
    if (display.event.t === drawnEvent) return;
    drawnEvent = display.event.t;
    const detector = await detectorOf(run, signal);
    const { tS, nWords, triggers: by, t } = display.event;
    newest.show(el("p", { class: "hint" }, `${seconds(tS, 6)} of the run, ${whole(nWords)} words, found by ${by.join(", ")}. `,
      el("a", { href: addressOf("events", { run: run.number, t }) }, "Open it")), drawEvent(display, detector));
  }

  function drawSpans() {
    const buttons = Object.keys(SPANS).map((name) => el("button", {
      class: "small", "aria-pressed": String(view.span === name && view.from === null),
      on: { click: () => look({ span: name, from: null, to: null }) },
    }, name));
    fill(spans, view.from !== null && el("span", { class: "hint" }, `zoomed: ${view.from} to ${view.to}`), buttons);
  }

  function zoom(low, high) {
    look({ from: `${Math.max(0, low).toFixed(3)} s`, to: `${high.toFixed(3)} s` });
  }

  function look(change) {
    Object.assign(view, change);
    note({ span: view.span, from: view.from, to: view.to });
    drawSpans();
    pulls[1].now();
  }

  return () => {
    pulls.forEach((each) => each.stop());
    unheard();
    alarms.stop();
    plot.stop();
  };
}

/** Return in a sentence why a run brings no words. */
function whyStill(run, readouts) {
  if (!readouts) return "look whether its readout lives, and its front-ends send.";
  const takers = readouts.filter((each) => Number(each.run) === run.number);
  if (!takers.length) return "no readout takes this run. Start its readout again, and it goes on, or stop it on the page Runs.";
  const names = takers.map((each) => each.name).join(", ");
  const trouble = takers.map((each) => each.trouble).find(Boolean);
  return trouble ? `${names} says: ${trouble}` : `${names} takes this run, but no front-end sends.`;
}

function drawHead(head, run, silent) {
  const state = silent ? el("span", { class: "state warn" }, "stands still")
    : run.state === "OPEN" ? el("span", { class: "state good" }, "taking data") : el("span", { class: "state idle" }, "closed");
  fill(head, el("h1", {}, `Run ${run.number}: ${run.name}`), state,
    el("span", { class: "sub" }, `${run.detector.name}, since ${utc(run.startedAt)}`), run.note && el("span", { class: "sub" }, run.note));
}

function drawRun(box, before, run) {
  const end = Math.max(0, ...run.links.map((each) => each.watermarkS));
  const covered = run.last === null ? null : toSeconds(run.last, run.tickNs) - toSeconds(run.first, run.tickNs);
  const backlog = run.progress.reduce((sum, each) => sum + each.backlog, 0);
  const behind = run.results.length ? Math.max(...run.results.map((each) => each.behindS)) : null;
  const idle = before && before.number === run.number && before.words === run.words && run.state === "OPEN";
  const figures = [
    ["words stored", whole(run.words), idle ? "none came in the last second" : ""],
    ["data up to", seconds(end), "of the run, on the link that is ahead"],
    ["live time", covered ? `${(100 * Math.min(1, run.liveTime / covered)).toFixed(2)} %` : "–", seconds(run.liveTime)],
    ["triggers behind", behind === null ? "–" : length(behind), "the slowest of them"],
    ["windows waiting", run.progress.length ? whole(backlog) : "–", ""],
    ["links", whole(run.links.length), ""],
  ];
  box.show(el("dl", { class: "figures" }, figures.map(([name, value, more]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, value, more && el("small", {}, more))))));
}

function drawLinks(box, run) {
  const newest = Math.max(...run.links.map((each) => each.watermarkS));
  box.show(table([
    { name: "link", of: (each) => each.link },
    { name: "words", number: true, of: (each) => whole(each.words) },
    { name: "corrupt", number: true, of: (each) => whole(each.corrupt) },
    { name: "complete to", number: true, of: (each) => seconds(each.watermarkS) },
    { name: "behind", number: true, of: (each) => length(newest - each.watermarkS), title: "behind the link that is ahead" },
  ], run.links, { caption: "Links of the run", empty: "No link has sent a word yet." }));
}

function drawTriggers(box, run) {
  const waits = new Map(run.progress.map((each) => [each.trigger, each.backlog]));
  box.show(table([
    { name: "trigger", of: (each) => el("a", { href: addressOf("events", { run: run.number, of: each.trigger, lineage: each.lineage }) }, each.trigger) },
    { name: "rows", number: true, of: (each) => whole(each.rows) },
    { name: "behind", number: true, of: (each) => length(each.behindS) },
    { name: "waiting", number: true, of: (each) => whole(waits.get(each.trigger) ?? null) },
    { name: "failed", number: true, of: (each) => (Number(each.failed) ? el("span", { class: "state bad" }, whole(each.failed)) : "0") },
  ], run.results, { caption: "Triggers on the run", empty: "No trigger has committed a window yet." }));
}

/** Return a picture of what each channel counts, in place where the detector says where its channels lie. */
function occupancyPicture(detector) {
  if (detector.elements.length && detector.shape.positionMm.length === 2) {
    const map = chamberMap(detector.elements, detector.shape);
    return { element: map.element, set: (counts, s) => map.set(new Map(counts.map((each) => [each.channel, Number(each.hits) / s]))) };
  }
  const bars = seriesPlot({ unit: "Hz", label: "Rate of each channel", x: "channel, by number", kind: "steps", height: 300 });
  const set = (counts, s) => bars.set(["rate"], [counts.map((_, n) => n), counts.map((each) => Number(each.hits) / s)]);
  return { element: bars.element, set };
}

