/** Writes a trigger in SQL: checked and tried on real hits while one types, then registered. */

import { ApiError, ask } from "../api/ask.js";
import { seriesPlot } from "../plots/time_series.js";
import { inquire } from "../view/dialog.js";
import { el } from "../view/dom.js";
import { digits, isNumber, seconds, toSeconds, whole, withUnit } from "../view/format.js";
import { latest } from "../view/latest.js";
import { panel } from "../view/panel.js";
import { sourceEditor } from "../view/source_editor.js";
import { table } from "../view/table.js";

const PAUSE_MS = 350;
const BACK_S = 60;
const TRY = `query ($source: String!, $run: String, $start: Moment, $stop: Moment) {
  dryRun(source: $source, run: $run, start: $start, stop: $stop, first: 50) { count columns rows problems { message line column }
  profile(bins: 100) { start widthS counts rateHz hits secondsPerMillionHits lineage both more lacks } } }`;
const EXTENT = "query ($run: String) { run(which: $run) { number tickNs first last } }";
const NAMES = `query ($run: String) { run(which: $run) { selection(of: "hits", where: "") { columns } lineages { trigger columns } } }`;
const RELATIONS = ["hits", "words", "rates", "gaps"];
const REGISTER = `mutation ($source: String!, $run: String) { registerTrigger(source: $source, run: $run) {
  trigger { name } problems { message line column } } }`;

export const EXAMPLE = `-- trigger: my_trigger
-- about: chambers with many hits at once
-- reach: 400 ns
-- params: least UInt16 = 4
SELECT t, chamber, n
FROM (
  SELECT t, chamber, count() OVER (PARTITION BY chamber ORDER BY t
    RANGE BETWEEN CURRENT ROW AND 480 FOLLOWING) AS n
  FROM hits
)
WHERE n >= {least:UInt16}
`;

/**
 * Return the editor: its element, `open(name, source)`, `stop()`.
 * @param {() => string|null} whichRun the run it is tried on
 * @param {(name: string) => void} registered is told the name of what was stored
 * @param {() => void} left is called when somebody leaves it
 */
export function triggerEditor(whichRun, registered, left) {
  const editor = sourceEditor({ label: "The trigger's text, in SQL", typed: later });
  const from = el("input", { placeholder: `its last ${BACK_S} s`, on: { change: () => attempt() } });
  const to = el("input", { placeholder: "its newest hits", on: { change: () => attempt() } });
  const keep = el("button", { class: "main", disabled: true, on: { click: store } }, "Register");
  const said = el("div", { role: "status", class: "said" });
  const tried = panel("Dry run: nothing is stored", { wide: "half rows" });
  const plot = seriesPlot({ unit: "", label: "Rows of the dry run over time", x: "seconds of the run", kind: "steps", height: 150 });
  const writing = panel("Editor", { wide: "half", tools: [keep, el("button", { on: { click: () => { forget(); left(); } } }, "Leave it")] });
  writing.show(editor.element, said);
  const element = el("div", { class: "grid" }, writing.element, tried.element);
  let timer = 0;
  let named = null;
  let edited = "";
  const attempt = latest(dryRun, (text) => text && draw([{ message: text, line: null, column: null }]));

  function later() {
    clearTimeout(timer);
    keep.disabled = true;
    sessionStorage.setItem(draftOf(edited), editor.value());
    timer = setTimeout(attempt, PAUSE_MS);
  }

  async function dryRun(signal) {
    const source = editor.value();
    if (!source.trim()) return;
    const { run } = await ask(EXTENT, { run: whichRun() }, signal);
    if (named !== run.number) await readNames(run.number, signal);
    const last = toSeconds(run.last, run.tickNs) ?? 0;
    const first = toSeconds(run.first, run.tickNs) ?? 0;
    const start = from.value.trim() || `${Math.max(first, last - BACK_S).toFixed(3)} s`;
    const stop = to.value.trim() || `${Math.max(last, 0.001).toFixed(3)} s`;
    const found = (await ask(TRY, { source, run: String(run.number), start, stop }, signal)).dryRun;
    draw(found.problems);
    keep.disabled = found.problems.length > 0;
    tried.element.classList.toggle("old", found.problems.length > 0);
    if (found.problems.length) return;
    show(found, run, `run ${run.number}, from ${start} to ${stop}`);
  }

  /** Offer what can be named in a run: columns, relations, triggers. */
  async function readNames(number, signal) {
    const { selection, lineages } = (await ask(NAMES, { run: String(number) }, signal)).run;
    const found = [...selection.columns, ...RELATIONS, ...lineages.flatMap((each) => [each.trigger, ...Object.keys(each.columns)])];
    editor.offer([...new Set(found)].sort());
    named = number;
  }

  function draw(problems) {
    editor.mark(problems.filter(({ line }) => line !== null));
    said.replaceChildren(...problems.map((each) => el("p", { class: "problem" },
      each.line !== null && el("button", { class: "small", on: { click: () => editor.goTo(each) } }, `line ${each.line}, column ${each.column}`), " ", each.message)));
    if (!problems.length) said.replaceChildren(el("p", { class: "state good" }, "Nothing is wrong with it."));
  }

  function show({ count, rows, profile }, run, range) {
    const places = el("div", { class: "fields" },
      el("label", { class: "field narrow" }, el("span", {}, "Tried from"), from), el("label", { class: "field narrow" }, el("span", {}, "to"), to));
    if (!profile) return tried.show(places, el("p", { class: "empty" }, `There are no hits in ${range}: start a run, or try another one.`));
    const beside = profile.lineage
      ? [["as the version that runs", whole(profile.both)], ["more than it", whole(profile.more)], ["it has, this lacks", whole(profile.lacks)]] : [];
    const figures = [["rows", whole(count)], ["rate", withUnit(profile.rateHz, "Hz")],
      ["cost per 10⁶ hits", profile.secondsPerMillionHits === null ? "–" : `${digits(profile.secondsPerMillionHits)} s`], ["hits looked at", whole(profile.hits)], ...beside];
    tried.show(places, el("p", { class: "hint" }, range),
      el("dl", { class: "figures" }, figures.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
      plot.element, rowsTable(rows, run));
    const begin = toSeconds(profile.start, run.tickNs);
    return plot.set(["rows"], [profile.counts.map((_, n) => begin + n * profile.widthS), profile.counts]);
  }

  async function store() {
    const source = editor.value();
    const done = await inquire({
      title: "Register the trigger?",
      text: el("p", {}, "It is stored with a revision of its own, and can be named when runs start and in reprocessing. Results that are there stay."),
      action: "Register it",
      done: async () => {
        const { trigger, problems } = (await ask(REGISTER, { source, run: whichRun() })).registerTrigger;
        if (problems.length) throw new ApiError(problems[0].message, "trigger");
        return trigger.name;
      },
    });
    if (done) {
      forget();
      registered(done);
    }
  }

  function forget() {
    sessionStorage.removeItem(draftOf(edited));
  }

  return {
    element,
    /** Edit a trigger's text, or what was written of it before: a token may have expired meanwhile. */
    open: (name, source) => {
      edited = name;
      editor.set(sessionStorage.getItem(draftOf(name)) ?? source);
      tried.show(el("p", { class: "empty" }, "…"));
      attempt();
    },
    again: () => attempt(),
    stop: () => {
      clearTimeout(timer);
      attempt.stop();
      plot.stop();
    },
  };
}

function draftOf(name) {
  return `everyhit draft of ${name}`;
}

function rowsTable(rows, run) {
  const names = Object.keys(rows[0] ?? {}).filter((name) => name !== "t");
  return table([
    { name: "second of the run", of: (row) => seconds(toSeconds(row.t, run.tickNs), 9) },
    ...names.map((name) => ({ name, number: isNumber(rows[0][name]), of: (row) => String(row[name]) })),
  ], rows, { caption: "First rows of the dry run", empty: "It finds nothing there." });
}
