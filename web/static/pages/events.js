/** Events: a selection, its histograms made in the database, its rows, and one event drawn. */

import { ApiError, ask } from "../api/ask.js";
import { heatMap } from "../plots/heat_map.js";
import { seriesPlot } from "../plots/time_series.js";
import { addressOf, note } from "../view/address.js";
import { el, fill } from "../view/dom.js";
import { digits, isNumber, seconds, toSeconds, whole } from "../view/format.js";
import { latest } from "../view/latest.js";
import { panel } from "../view/panel.js";
import { pull } from "../view/pull.js";
import { saveExport } from "../view/save.js";
import { selectionField } from "../view/selection_field.js";
import { table } from "../view/table.js";
import { eventDisplay } from "./event_display.js";
import { checkOf, exportOf, histogramOf, narrowed, planeOf, rowsOf } from "./selected_rows.js";

export const title = "Events";

const FORMATS = { arrow: "arrows", parquet: "parquet", root: "root", hdf5: "h5", csv: "csv" };
const TIME_BINS = 200;
const PERIOD_MS = 2000;
const RUNS = "{ runs(first: 100) { edges { node { number name } } } }";
const KNOWN = `query ($run: String) { run(which: $run) { number tickNs detector { fields { name } columns { name } }
  lineages { trigger lineage params columns } } }`;
const NUMBER = /^(Nullable\()?(U?Int|Float)\d+\)?$/;

/**
 * Open the page.
 * @param {Element} root
 * @param {object} params run, of, lineage, from, to, where, x, y, t
 */
export function open(root, params) {
  const view = { run: null, of: "events", lineage: null, from: null, to: null, where: "", x: "", y: "", t: null, ...params };
  const [runs, ofs, lineages, xs, ys] = ["Run", "Rows of", "Lineage", "Histogram of", "against"].map((label) => chooser(label));
  const from = line("From", "start of the run");
  const to = line("To", "its end");
  const where = selectionField({ label: "Selection", value: view.where, placeholder: "all", check: (text) => checkOf(view, text), entered: (text) => look({ where: text }) });
  const clear = el("button", { type: "button", class: "small", on: { click: () => look({ from: null, to: null, where: "", t: null }) } }, "All of the run");
  const saves = el("select", { "aria-label": "Download what is selected", on: { change: save } },
    el("option", { value: "" }, "Download …"), Object.keys(FORMATS).map((each) => el("option", { value: each }, each)));
  const asked = panel("What is selected", { tools: [clear, saves] });
  asked.show(el("form", { class: "fields", on: { submit: (event) => { event.preventDefault(); look({ from: from.value(), to: to.value(), where: where.value() }); } } },
    runs.element, ofs.element, lineages.element, from.element, to.element, el("div", { class: "grow" }, where.element), el("button", { class: "main" }, "Select")));
  const over = panel("Over time", { wide: "half" });
  const counted = panel("Histogram", { wide: "half", tools: [xs.select, el("span", { class: "hint" }, "against"), ys.select] });
  const listed = panel("Rows", { wide: "rows" });
  const shown = eventDisplay((t) => look({ t }));
  const times = seriesPlot({ unit: "", label: "What is selected over time", x: "seconds of the run", kind: "steps", height: 200, zoomed: (low, high) => look({ from: `${low.toFixed(9)} s`, to: `${high.toFixed(9)} s` }) });
  over.show(times.element, el("p", { class: "hint" }, "Drag to choose a range of time."));
  const bars = seriesPlot({ unit: "", label: "Histogram", x: "value", kind: "steps", height: 200, clicked: (_, n) => bin(n) });
  const plane = heatMap({ label: "Two columns against each other", clicked: cell });
  const hint = el("p", { class: "hint" }, "Click on a bin to see the rows behind it.");
  fill(root, el("div", { class: "title" }, el("h1", {}, "Events")),
    el("div", { class: "grid" }, asked.element, over.element, counted.element, listed.element, shown.element));

  let known = null;
  let drawnBars = null;
  let drawnNames = [];
  let rows = [];
  let lastPage = null;
  let round = 0;
  const number = el("p", { class: "hint", role: "status" });
  const reads = {
    time: latest(readTime, over.fail),
    histogram: latest(readHistogram, counted.fail),
    rows: latest(readRows, listed.fail),
  };
  const form = asked.body.firstChild;
  const waiting = pull(PERIOD_MS, begin, asked.fail);

  /** Learn which runs there are; asked again until there is something to show. */
  async function begin(signal) {
    if (known && (view.of === "hits" || lineage())) {
      return builds() && view.t === null && !shown.isShown() ? refresh() : null;
    }
    const { runs: found } = await ask(RUNS, {}, signal);
    const there = found.edges.map(({ node }) => [String(node.number), `${node.number}: ${node.name}`]);
    if (!there.length) return asked.show(el("p", { class: "empty" }, "No run yet. Start one on the page ", el("a", { href: addressOf("runs") }, "Runs"), "."));
    asked.show(form);
    view.run ??= there[0][0];
    if (!there.some(([number]) => number === view.run)) there.push([view.run, view.run]);
    runs.fill(there, view.run);
    return choose();
  }

  /** Learn what the run has, and show the view. */
  async function choose() {
    known = (await ask(KNOWN, { run: view.run })).run;
    const names = [...new Set(known.lineages.map((each) => each.trigger))].sort();
    ofs.fill([...new Set([...names, view.of, "hits"])].map((each) => [each, each]), view.of);
    const own = known.lineages.filter((each) => each.trigger === view.of);
    lineages.fill([["", own.length ? "what ran last" : "–"], ...own.map((each) => [each.lineage, each.lineage])], view.lineage ?? "");
    const columns = numbers();
    if (!columns.includes(view.x)) view.x = ["n_words", "slope", "x_mm", "channel", "tot"].find((each) => columns.includes(each)) ?? columns.find((each) => each !== "t") ?? "t";
    if (!columns.includes(view.y)) view.y = "";
    xs.fill(columns.map((each) => [each, each]), view.x);
    ys.fill([["", "nothing"], ...columns.map((each) => [each, each])], view.y);
    [from.input.value, to.input.value] = [view.from ?? "", view.to ?? ""];
    where.set(view.where);
    note(view);
    if (view.of === "hits" || own.length) return refresh();
    return listed.show(el("p", { class: "empty" }, `Nothing of “${view.of}” in this run yet. Its rows come where the trigger runs on the run; ${names.length ? "choose those of another above" : "hits can be looked at as they are"}.`));
  }

  function lineage() {
    return known.lineages.find((each) => each.trigger === view.of && (!view.lineage || each.lineage === view.lineage));
  }

  function numbers() {
    if (view.of === "hits") return ["t", "link", ...new Set([...known.detector.fields, ...known.detector.columns].map(({ name }) => name))];
    return Object.entries(lineage()?.columns ?? {}).filter(([, kind]) => NUMBER.test(kind)).map(([name]) => name);
  }

  function isWhole(column) {
    return view.of === "hits" ? column !== "t" : /Int/.test(lineage()?.columns[column] ?? "");
  }

  function builds() {
    const has = lineage()?.columns ?? {};
    return view.of !== "hits" && ["t_end", "triggers", "n_words", "word_t", "raw"].every((name) => name in has);
  }

  function look(change) {
    const before = { ...view };
    Object.assign(view, change);
    note(view);
    const changed = (...names) => names.some((name) => before[name] !== view[name]);
    if (changed("run", "of", "lineage")) {
      choose().catch((fault) => asked.fail(fault.message));
    } else if (changed("from", "to", "where")) {
      [from.input.value, to.input.value] = [view.from ?? "", view.to ?? ""];
      if (where.value() !== view.where) where.set(view.where);
      refresh();
    } else if (changed("x", "y")) {
      reads.histogram();
    } else if (changed("t")) {
      shown.show(view, builds());
      drawRows();
    }
  }

  /** Show the rows, and then the rest: rows are there soonest, and what is asked at once waits for each other. */
  async function refresh() {
    const own = ++round;
    number.textContent = "…";
    await reads.rows();
    if (own !== round) return;
    shown.show(view, builds());
    reads.histogram();
    reads.time();
  }

  async function readTime(signal) {
    const found = await histogramOf(view, "t", { bins: TIME_BINS, told: true }, signal);
    const width = (found.high - found.low) / found.counts.length;
    times.set([view.of], [found.counts.map((_, n) => toSeconds(found.low + n * width, known.tickNs)), found.counts]);
    asked.fail(found.partial);
    const all = found.counts.reduce((sum, each) => sum + each, 0);
    number.textContent = `${whole(all)} ${all === 1 ? "row" : "rows"}`;
  }

  async function readHistogram(signal) {
    if (view.y) {
      const names = [view.x, view.y];
      const found = await planeOf(view, names.map((name) => ({ name, whole: isWhole(name) })), signal);
      counted.show(plane.element, hint);
      drawnNames = names;
      return plane.set(names, found);
    }
    const name = view.x;
    drawnBars = await histogramOf(view, name, { whole: isWhole(name) }, signal);
    drawnNames = [name];
    const width = (drawnBars.high - drawnBars.low) / drawnBars.counts.length;
    counted.show(bars.element, hint);
    return bars.set([`rows by ${name}`], [drawnBars.counts.map((_, n) => drawnBars.low + n * width), drawnBars.counts]);
  }

  function bin(n) {
    const width = (drawnBars.high - drawnBars.low) / drawnBars.counts.length;
    narrow([[drawnNames[0], drawnBars.low + n * width, drawnBars.low + (n + 1) * width, n === drawnBars.counts.length - 1]]);
  }

  function cell(x, y) {
    narrow([[drawnNames[0], ...x, false], [drawnNames[1], ...y, false]]);
  }

  function narrow(limits) {
    const change = { where: view.where, t: null };
    for (const [column, low, high, last] of limits) {
      if (column === "t") Object.assign(change, { from: String(Math.floor(low)), to: String(Math.ceil(high) + (last ? 1 : 0)) });
      else change.where = narrowed(change.where, column, short(low), short(high), last);
    }
    look(change);
  }

  async function readRows(signal, more = null) {
    if (view.of === "hits") return listed.show(el("p", { class: "empty" }, "Hits are not listed one by one: choose a trigger's rows, or download them."));
    const page = await rowsOf(view, builds(), more, signal);
    rows = more ? [...rows, ...page.edges] : page.edges;
    lastPage = page;
    return drawRows();
  }

  function drawRows() {
    const page = lastPage;
    if (!page || view.of === "hits") return;
    const nodes = rows.map(({ node }) => node);
    const scroll = listed.element.querySelector(".scroll")?.scrollTop ?? 0;
    listed.show(number,
      table(columnsOf(nodes), nodes, {
        caption: `Rows of ${view.of}`, pick: (row) => { look({ t: row.t }); shown.element.scrollIntoView({ block: "nearest", behavior: "smooth" }); }, picked: (row) => row.t === view.t,
        empty: "No row is like that: select less, or another range.",
      }),
      page.pageInfo.hasNextPage && el("p", {}, el("button", { on: { click: () => reads.rows(page.pageInfo.endCursor) } }, "Show more")));
    const list = listed.element.querySelector(".scroll");
    if (list) list.scrollTop = scroll;
  }

  function columnsOf(nodes) {
    const when = { name: "second of the run", of: (row) => seconds(row.tS, 9) };
    if (builds()) {
      return [when, { name: "words", number: true, of: (row) => whole(row.nWords) }, { name: "found by", of: (row) => row.triggers.join(", ") },
        { name: "", of: (row) => (row.continued ? "goes on where one was cut" : "") }];
    }
    const names = Object.keys(nodes[0]?.values ?? {}).filter((name) => name !== "t");
    return [when, ...names.map((name) => ({ name, number: isNumber(nodes[0].values[name]), of: (row) => valueOf(row.values[name]) }))];
  }

  async function save() {
    const format = saves.value;
    saves.value = "";
    try {
      await saveExport(exportOf(view, builds(), format), `run${view.run}-${view.of}.${FORMATS[format]}`);
      asked.fail("");
    } catch (fault) {
      if (!(fault instanceof ApiError)) throw fault;
      asked.fail(fault.message);
    }
  }

  function chooser(label) {
    const select = el("select", { "aria-label": label, on: { change: () => look(changes[label](select.value)) } });
    return {
      select,
      element: el("label", { class: "field narrow" }, el("span", {}, label), select),
      fill: (choices, value) => fill(select, choices.map(([each, text]) => el("option", { value: each, selected: each === value }, text))),
    };
  }

  function line(label, placeholder) {
    const input = el("input", { placeholder, on: { change: () => look({ [label.toLowerCase()]: value() }) } });
    const value = () => input.value.trim() || null;
    return { input, value, element: el("label", { class: "field narrow" }, el("span", {}, label), input) };
  }

  return () => {
    round++;
    Object.values(reads).forEach((read) => read.stop());
    waiting.stop();
    shown.stop();
    times.stop();
    bars.stop();
  };
}

const changes = {
  Run: (run) => ({ run, lineage: null, from: null, to: null, t: null }),
  "Rows of": (of) => ({ of, lineage: null, where: "", t: null }),
  Lineage: (lineage) => ({ lineage: lineage || null }),
  "Histogram of": (x) => ({ x }),
  against: (y) => ({ y }),
};

function short(value) {
  return Number(value.toPrecision(9));
}

function valueOf(value) {
  if (Array.isArray(value)) return el("span", { class: "clip" }, value.join(" "));
  return typeof value === "number" && !Number.isInteger(value) ? digits(value) : String(value ?? "–");
}
