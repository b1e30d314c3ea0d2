/** Reprocess: what exists by lineage, triggers run over a range again, progress, and two lineages compared. */

import { ask } from "../api/ask.js";
import { listen } from "../api/listen.js";
import { lineageTimeline } from "../plots/lineage_timeline.js";
import { addressOf, note } from "../view/address.js";
import { inquire } from "../view/dialog.js";
import { el, fill } from "../view/dom.js";
import { length, seconds, toSeconds, utc, whole } from "../view/format.js";
import { panel } from "../view/panel.js";
import { pull } from "../view/pull.js";
import { table } from "../view/table.js";
import { lineageComparison } from "./lineage_comparison.js";

export const title = "Reprocess";

const PERIOD_MS = 4000;
const BINS = 200;
const EVER = 2n ** 62n;
const START = "{ runs(first: 100) { edges { node { number name } } } triggers { name enabled params } }";
const RUN = `query ($run: String) { run(which: $run) { number name tickNs last lineages { trigger lineage params columns } } }`;
const COVERAGE = `query ($run: String) { run(which: $run) { coverage(bins: ${BINS}) { start widthS lineages { lineage windows } } } }`;
const FIELDS = "number run triggers start stop who askedAt state problem done total perSecond secondsLeft";
const ASK = `mutation ($triggers: [Wanted!]!, $run: String, $start: Moment, $stop: Moment) {
  reprocess(triggers: $triggers, run: $run, start: $start, stop: $stop) { number } }`;
const CANCEL = "mutation ($number: Int!) { cancelReprocess(number: $number) { number } }";
const STATES = { WAITING: "idle", RUNNING: "warn", DONE: "good", FAILED: "bad", CANCELLED: "idle" };

/**
 * Open the page.
 * @param {Element} root
 * @param {object} params run, from, to, trigger, one, other, column
 */
export function open(root, params, me) {
  const view = { run: null, from: null, to: null, trigger: null, one: null, other: null, column: null, ...params };
  const may = me.may.includes("reprocess");
  const runs = el("select", { "aria-label": "Run", on: { change: () => look({ run: runs.value, from: null, to: null, trigger: null, one: null, other: null }) } });
  const line = (label, name, placeholder) => {
    const input = el("input", { placeholder, on: { change: () => look({ [name]: input.value.trim() || null }) } });
    return { input, element: el("label", { class: "field narrow" }, el("span", {}, label), input) };
  };
  const from = line("From", "from", "start of the run");
  const to = line("To", "to", "its end");
  const start = may && el("button", { class: "main", on: { click: begin } }, "Reprocess");
  const existing = panel("What there is, by lineage");
  const timeline = lineageTimeline((low, high) => look({ from: `${low.toFixed(3)} s`, to: `${high.toFixed(3)} s` }));
  const nothing = el("p", { class: "empty", hidden: true }, "No trigger has committed a window in this run yet.");
  existing.show(el("div", { class: "fields" }, el("label", { class: "field narrow" }, el("span", {}, "Run"), runs), from.element, to.element,
    el("button", { on: { click: () => look({ from: null, to: null }) } }, "All of the run"), start),
  timeline.element, nothing, el("p", { class: "hint" }, "Drag over the lines to choose a range."));
  const work = panel("What was asked for");
  const compared = lineageComparison(look);
  fill(root, el("div", { class: "title" }, el("h1", {}, "Reprocess")), el("div", { class: "grid" }, existing.element, work.element, compared.element));

  let run = null;
  let triggers = [];
  let drawn = "";
  let doneBefore = "";
  const reading = pull(PERIOD_MS, read, existing.fail);
  const unheard = listen(`subscription { reprocesses { ${FIELDS} } }`, {}, ({ reprocesses }) => drawWork(reprocesses), work.fail);

  async function read(signal) {
    const found = await ask(START, {}, signal);
    triggers = found.triggers;
    const there = found.runs.edges.map(({ node }) => node);
    if (!there.length) return existing.show(el("p", { class: "empty" }, "No run yet. Start one on the page ", el("a", { href: addressOf("runs") }, "Runs"), "."));
    view.run ??= String(there[0].number);
    run = (await ask(RUN, { run: view.run }, signal)).run;
    const coverage = run.last === null ? null : (await ask(COVERAGE, { run: view.run }, signal)).run.coverage;
    if (document.activeElement !== runs) fill(runs, there.map((each) => el("option", { value: each.number, selected: String(each.number) === view.run }, `${each.number}: ${each.name}`)));
    drawTimeline(coverage);
    const now = JSON.stringify([run.lineages.map((each) => each.lineage), view]);
    if (now !== drawn) compared.show(run, view);
    drawn = now;
    return null;
  }

  function look(change) {
    Object.assign(view, change);
    note(view);
    [from.input.value, to.input.value] = [view.from ?? "", view.to ?? ""];
    reading.now();
  }

  function drawTimeline(coverage) {
    const of = new Map((coverage?.lineages ?? []).map((each) => [each.lineage, each.windows]));
    const seen = new Set();
    const lines = run.lineages.filter((each) => of.has(each.lineage)).map((each) => {
      const newest = !seen.has(each.trigger);
      seen.add(each.trigger);
      const own = Object.entries(each.params).map(([name, value]) => `${name} ${value}`).join(", ");
      return { name: `${each.trigger} ${each.lineage}`, title: own, windows: of.get(each.lineage), newest };
    }).sort((a, b) => a.name.localeCompare(b.name));
    timeline.element.hidden = !lines.length;
    nothing.hidden = lines.length > 0;
    if (!lines.length || timeline.dragged()) return;
    const span = [inSeconds(view.from, -Infinity), inSeconds(view.to, Infinity)];
    timeline.set({ start: toSeconds(coverage.start, run.tickNs), widthS: coverage.widthS, bins: Math.max(...lines.map((each) => each.windows.length)), lines },
      view.from || view.to ? [Math.max(span[0], toSeconds(coverage.start, run.tickNs)), Math.min(span[1], 1e12)] : null);
  }

  async function begin() {
    const names = triggers.filter((each) => each.enabled).map((each) => each.name);
    const before = [...new Set(run.lineages.map((each) => each.trigger))];
    const boxes = names.map((name) => parameters(triggers.find((each) => each.name === name), before.includes(name)));
    const done = await inquire({
      title: `Reprocess run ${run.number}: ${run.name}`,
      text: el("p", { class: "hint" }, `From ${view.from ?? "its start"} to ${view.to ?? "its end"}. What these triggers read is done, too, where it lacks. Live data go first; results that are there stay beside the new ones.`),
      fields: [{ name: "triggers", own: { element: el("div", { class: "column wanted" }, boxes.map((each) => each.element)), value: () => boxes.map((each) => each.value()).filter(Boolean) } }],
      action: "Reprocess",
      done: ({ triggers: wanted }) => ask(ASK, { triggers: wanted, run: view.run, start: view.from, stop: view.to }),
    });
    if (done) reading.now();
  }

  function drawWork(all) {
    const ended = all.filter((each) => each.state === "DONE").map((each) => each.number).join();
    if (ended !== doneBefore) {
      doneBefore = ended;
      drawn = "";
      reading.now();
    }
    work.fail("");
    work.show(table([
      { name: "", number: true, of: (each) => each.number },
      { name: "run", of: (each) => el("a", { href: addressOf("runs", { run: each.run }) }, each.run) },
      { name: "triggers", of: (each) => Object.entries(each.triggers).map(([name, own]) => [name, ...Object.entries(own).map(([key, value]) => `${key} ${value}`)].join(" ")).join(", ") },
      { name: "range", of: (each) => (each.run === run?.number ? rangeOf(each, run) : BigInt(each.start) <= -EVER ? "all" : "a part") },
      { name: "state", of: (each) => el("span", { class: `state ${STATES[each.state]}` }, each.state.toLowerCase()) },
      { name: "done", of: (each) => [each.total ? el("meter", { min: 0, max: each.total, value: each.done, "aria-label": "Windows done" }) : null, ` ${whole(each.done)}${each.total ? ` of ${whole(each.total)}` : ""} windows`] },
      { name: "left", number: true, of: (each) => (each.state === "RUNNING" ? length(each.secondsLeft) : "–") },
      { name: "asked", of: (each) => `${each.who}, ${utc(each.askedAt)}` },
      { name: "", of: (each) => each.problem || (may && ["WAITING", "RUNNING"].includes(each.state) && el("button", { class: "small danger", on: { click: () => cancel(each) } }, "Cancel")) },
    ], all, { caption: "Reprocessings", empty: may ? "Nothing yet. Choose a range above, and press “Reprocess”." : "Nothing yet." }));
  }

  async function cancel({ number }) {
    await inquire({
      title: `Cancel reprocessing ${number}?`, text: el("p", {}, "What is committed stays; asked for again, it goes on from there."),
      action: "Cancel it", danger: true, done: () => ask(CANCEL, { number }),
    });
  }

  return () => {
    reading.stop();
    unheard();
    compared.stop();
  };
}

function parameters({ name, params }, checked) {
  const box = el("input", { type: "checkbox", checked, on: { change: () => { own.hidden = !box.checked; } } });
  const inputs = Object.entries(params).map(([key, value]) => [key, value, el("input", { value: String(value) })]);
  const own = el("div", { class: "fields", hidden: !checked }, inputs.map(([key, , input]) => el("label", { class: "field narrow" }, el("span", {}, key), input)));
  return {
    element: el("div", { role: "group", "aria-label": name }, el("label", { class: "check" }, box, name), own),
    value: () => box.checked && {
      name,
      params: Object.fromEntries(inputs.filter(([, value, input]) => input.value.trim() !== String(value)).map(([key, value, input]) => [key, typed(input.value.trim(), value)])),
    },
  };
}

/** Return what somebody typed as the kind of value that stands there by default, if it reads as one. */
function typed(text, value) {
  if (typeof value === "number" && text !== "" && Number.isFinite(Number(text))) return Number(text);
  if (typeof value === "boolean" && ["true", "false"].includes(text)) return text === "true";
  return text;
}

function rangeOf({ start, stop }, run) {
  const moment = (ticks, edge, text) => (BigInt(ticks) === edge ? text : seconds(toSeconds(ticks, run.tickNs), 3));
  return `${moment(start, -EVER, "start")} to ${moment(stop, EVER, "end")}`;
}

function inSeconds(moment, otherwise) {
  const found = moment?.match(/^(-?[\d.]+) s$/);
  return found ? Number(found[1]) : otherwise;
}
