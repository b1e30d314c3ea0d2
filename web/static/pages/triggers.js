/** Triggers: which are known, their text, what they found; an editor for those in SQL. */

import { ask } from "../api/ask.js";
import { seriesPlot } from "../plots/time_series.js";
import { addressOf, note } from "../view/address.js";
import { inquire } from "../view/dialog.js";
import { el, fill } from "../view/dom.js";
import { length, seconds, toSeconds, utc, whole } from "../view/format.js";
import { latest } from "../view/latest.js";
import { panel } from "../view/panel.js";
import { pull } from "../view/pull.js";
import { coloured } from "../view/source_colours.js";
import { table } from "../view/table.js";
import { histogramOf } from "./selected_rows.js";
import { EXAMPLE, triggerEditor } from "./trigger_editor.js";

export const title = "Triggers";

const PERIOD_MS = 3000;
const LIST = "{ triggers { name kind about reads uses reach params version source registered registeredAt enabled } runs(first: 100) { edges { node { number name } } } }";
const RUN = `query ($run: String, $name: String) { run(which: $run) { number tickNs results { trigger lineage params rows cells failed incomplete seconds doneTo behindS }
  lineages(trigger: $name) { lineage trigger version kind params inputs reach columns source } } }`;
const SWITCH = "mutation ($name: String!, $enabled: Boolean!) { enableTrigger(name: $name, enabled: $enabled) { name } }";

/**
 * Open the page.
 * @param {Element} root
 * @param {{name?: string, run?: string, lineage?: string, edit?: string}} params
 */
export function open(root, params, me) {
  const view = { name: null, run: null, lineage: null, edit: null, ...params };
  const may = me.may.includes("trigger");
  const runs = el("select", { "aria-label": "Run", on: { change: () => look({ run: runs.value, lineage: null }) } });
  const write = may && el("button", { class: "main", on: { click: () => look({ edit: "new" }) } }, "Write a trigger");
  const list = panel("All triggers", { wide: "third", tools: [write].filter(Boolean) });
  const one = panel("A trigger", { wide: "two-thirds" });
  const results = panel("What it found", { wide: "two-thirds", aged: true, tools: [el("span", { class: "hint" }, "in run"), runs] });
  const plot = seriesPlot({ unit: "", label: "Rows of the trigger over time", x: "seconds of the run", kind: "steps", height: 170 });
  const editor = may ? triggerEditor(() => view.run, (name) => { known = []; look({ name, edit: null, lineage: null }); }, () => look({ edit: null })) : null;
  const editing = el("div", { hidden: true });
  if (editor) fill(editing, editor.element);
  fill(root, el("div", { class: "title" }, el("h1", {}, "Triggers")), editing,
    el("div", { class: "grid" }, list.element, el("div", { class: "column two-thirds" }, one.element, results.element)));

  let known = [];
  let edited = null;
  let drawn = "";
  const readRows = latest(drawRows, results.fail);
  const reading = pull(PERIOD_MS, read, list.fail);

  async function read(signal) {
    const found = await ask(LIST, {}, signal);
    known = found.triggers;
    const there = found.runs.edges.map(({ node }) => node);
    view.run ??= there.length ? String(there[0].number) : null;
    view.name ??= known[0]?.name ?? null;
    const now = JSON.stringify([known, there, view]);
    if (now !== drawn) {
      drawn = now;
      fill(runs, there.map((run) => el("option", { value: run.number, selected: String(run.number) === view.run }, `${run.number}: ${run.name}`)));
      drawList();
      drawOne();
      drawEditor();
    }
    if (view.run === null) return results.show(el("p", { class: "empty" }, "No run yet: triggers run on runs. Start one on the page ", el("a", { href: addressOf("runs") }, "Runs"), "."));
    const { run } = await ask(RUN, { run: view.run, name: view.name }, signal);
    results.fresh();
    return drawResults(run);
  }

  function look(change) {
    const rows = change.name !== undefined || change.run !== undefined || change.lineage !== undefined;
    Object.assign(view, change);
    note(view);
    if (rows) shown = "";
    reading.now();
  }

  function drawList() {
    list.show(table([
      { name: "name", of: (each) => each.name },
      { name: "in", of: (each) => (each.kind === "SQL" ? "SQL" : "Python") },
      { name: "reads", of: (each) => each.reads.join(", ") },
      { name: "", of: (each) => (each.enabled ? (each.registered ? "registered" : "") : el("span", { class: "state warn" }, "off")) },
    ], known, { caption: "Triggers", pick: (each) => look({ name: each.name, lineage: null, edit: null }), picked: (each) => each.name === view.name }));
  }

  function drawOne() {
    const trigger = known.find((each) => each.name === view.name);
    if (!trigger) return one.show(el("p", { class: "empty" }, `“${view.name}” is not in the list: it is built for each run, or was taken away. What it found stands below.`));
    const facts = [["reads", trigger.reads.join(", ")], ["reach", trigger.reach], ["parameters", named(trigger.params)],
      trigger.uses.length && ["fits detectors with", trigger.uses.join(", ")], trigger.version && ["version", trigger.version],
      trigger.registered && ["registered", utc(trigger.registeredAt)]].filter(Boolean);
    return one.show(el("p", {}, el("strong", {}, trigger.name), " ", aboutOf(trigger.about)),
      el("div", { class: "buttons" },
        may && trigger.kind === "SQL" && el("button", { on: { click: () => look({ edit: trigger.name }) } }, "Edit it, and try it out"),
        may && trigger.registered && el("button", { on: { click: () => turn(trigger) } }, trigger.enabled ? "Switch it off" : "Switch it on")),
      el("dl", { class: "pairs" }, facts.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
      el("details", { open: true }, el("summary", {}, "Its text"), el("pre", { class: "source", tabindex: 0, "aria-label": `Text of ${trigger.name}` }, coloured(trigger.source, trigger.kind))));
  }

  function drawEditor() {
    editing.hidden = !view.edit || !editor;
    if (editing.hidden) edited = null;
    if (editing.hidden || edited === view.edit) return;
    const source = known.find((each) => each.name === view.edit)?.source ?? EXAMPLE;
    edited = view.edit;
    editor.open(view.edit, source);
  }

  async function turn({ name, enabled }) {
    await inquire({
      title: enabled ? `Switch ${name} off?` : `Switch ${name} on?`,
      text: el("p", {}, enabled ? "Runs that begin from now on can't name it. Its results stay." : "Runs that begin from now on can name it."),
      action: enabled ? "Switch it off" : "Switch it on",
      done: () => ask(SWITCH, { name, enabled: !enabled }),
    });
    reading.now();
  }

  let shown = "";

  function drawResults(run) {
    const own = run.results.filter((each) => each.trigger === view.name);
    const lineage = run.lineages.find((each) => each.lineage === view.lineage) ?? null;
    const now = JSON.stringify([own, view]);
    if (now === shown) return;
    shown = now;
    const focus = results.body.contains(document.activeElement);
    results.show(table([
      { name: "lineage", of: (each) => el("code", {}, each.lineage) },
      { name: "parameters", of: (each) => named(JSON.parse(each.params)) },
      { name: "rows", number: true, of: (each) => whole(each.rows) },
      { name: "windows", number: true, of: (each) => whole(each.cells) },
      { name: "incomplete", number: true, of: (each) => whole(each.incomplete) },
      { name: "failed", number: true, of: (each) => (Number(each.failed) ? el("span", { class: "state bad" }, whole(each.failed)) : "0") },
      { name: "done to", number: true, of: (each) => seconds(toSeconds(each.doneTo, run.tickNs)) },
      { name: "worked for", number: true, of: (each) => length(each.seconds) },
      { name: "", of: (each) => el("a", { href: addressOf("events", { run: run.number, of: view.name, lineage: each.lineage }) }, "rows") },
    ], own, {
      caption: "Lineages and what they found", empty: "Nothing in this run: it takes the trigger when the run starts, or by reprocessing.",
      pick: (each) => look({ lineage: each.lineage }), picked: (each) => each.lineage === view.lineage,
    }), own.length ? plot.element : null, lineage && madeOf(lineage));
    if (focus) results.body.querySelector("tr[aria-current]")?.focus();
    if (own.length) readRows(run);
  }

  async function drawRows(signal, run) {
    const found = await histogramOf({ run: String(run.number), of: view.name, lineage: view.lineage, where: "" }, "t", { bins: 200 }, signal);
    const width = (found.high - found.low) / found.counts.length;
    plot.set(["rows"], [found.counts.map((_, n) => toSeconds(found.low + n * width, run.tickNs)), found.counts]);
  }

  return () => {
    reading.stop();
    readRows.stop();
    editor?.stop();
    plot.stop();
  };
}

function madeOf(lineage) {
  const inputs = Object.entries(lineage.inputs);
  return el("section", { "aria-label": `Lineage ${lineage.lineage}` }, el("h3", {}, `What lineage ${lineage.lineage} was made with`),
    el("dl", { class: "pairs" }, el("dt", {}, "parameters"), el("dd", {}, `${named(lineage.params)}, times in ticks`),
      el("dt", {}, "reads"), el("dd", {}, inputs.length ? inputs.map(([name, id]) => `${name} (${id})`).join(", ") : "hits alone"),
      el("dt", {}, "columns"), el("dd", {}, named(lineage.columns))),
    el("pre", { class: "source", tabindex: 0 }, coloured(lineage.source, lineage.kind)));
}

function named(values) {
  return Object.entries(values).map(([name, value]) => `${name} ${value}`).join(", ") || "none";
}

/** Return what a docstring says, names in code where it marks them. */
function aboutOf(text) {
  return text.split("``").map((part, n) => (n % 2 ? el("code", {}, part) : part));
}
