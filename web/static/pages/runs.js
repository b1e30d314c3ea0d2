/** Runs: which there are, what each is, and the orders that begin, change and end them. */

import { ApiError, ask } from "../api/ask.js";
import { listen } from "../api/listen.js";
import { addressOf, note } from "../view/address.js";
import { inquire } from "../view/dialog.js";
import { el, fill } from "../view/dom.js";
import { length, seconds, toSeconds, utc, whole } from "../view/format.js";
import { panel } from "../view/panel.js";
import { pull } from "../view/pull.js";
import { table } from "../view/table.js";
import { ORDER, configureRun, orderCard, removed, startRun, stopRun } from "./run_orders.js";

export const title = "Runs";

const PERIOD_MS = 2000;
const PAGE = 50;
const TYPING_MS = 250;

const LIST = `query ($wanted: RunsWanted, $after: String) { runs(wanted: $wanted, first: ${PAGE}, after: $after) { totalCount
  pageInfo { hasNextPage endCursor } edges { node { number name state note startedAt stoppedAt words tags detector { name } } } } }`;
const ONE = `query ($run: String) { run(which: $run) { number name state note startedAt stoppedAt tickNs words first last liveTime settings fields tags
  detector { name title fingerprint } gaps(first: 5) { edges { node { link cause start stop dead nLost } } pageInfo { hasNextPage } }
  results { trigger lineage rows failed doneTo } dropped { words } homes { home words } }
  configurations(run: $run) { link start who configuration { masks prefilter prescales { where keepOneIn } } } }`;
const READOUTS = "{ readouts { name detector run words withoutRun trouble } }";
const ANNOTATE = `mutation ($run: String!, $note: String, $fields: JSON, $unset: [String!], $tags: [String!], $untag: [String!]) {
  annotateRun(run: $run, note: $note, fields: $fields, unset: $unset, tags: $tags, untag: $untag) { number } }`;

/**
 * Open the page.
 * @param {Element} root
 * @param {{text?: string, where?: string, state?: string, run?: string}} params
 */
export function open(root, params, me) {
  const view = { text: params.text ?? "", where: params.where ?? "", state: params.state ?? "", run: params.run ?? null };
  const may = (act) => me.may.includes(act);
  const text = el("input", { type: "search", placeholder: "name, note or detector", on: { input: typed } });
  text.value = view.text;
  const where = el("input", { class: "code", spellcheck: "false", placeholder: "beam_GeV > 20 and cooled", on: { change: () => look({ where: where.value.trim() }) } });
  where.value = view.where;
  const state = el("select", { on: { change: () => look({ state: state.value }) } },
    [["", "all"], ["OPEN", "taking data"], ["CLOSED", "closed"]].map(([value, name]) => el("option", { value, selected: value === view.state }, name)));
  const count = el("p", { class: "hint", role: "status" });
  const rows = el("div", {});
  const list = panel("All runs", { aged: true });
  list.show(el("div", { class: "fields" }, el("label", { class: "field grow" }, el("span", {}, "Search"), text),
    el("label", { class: "field grow" }, el("span", {}, "Fields and tags"), where), el("label", { class: "field narrow" }, el("span", {}, "State"), state)), count, rows);
  const start = may("control") ? el("button", { class: "main", disabled: true, on: { click: () => act(() => startRun(detectors)) } }, "Start a run") : null;
  const readouts = panel("Readouts", { aged: true, tools: start ? [start] : [] });
  const one = panel("A run", { aged: true });
  const orders = panel("Orders");
  const came = el("div", { role: "status" });
  fill(root, el("div", { class: "title" }, el("h1", {}, "Runs")), came,
    el("div", { class: "grid" }, el("div", { class: "column two-thirds" }, list.element), el("div", { class: "column third" }, one.element, readouts.element, orders.element)));

  let detectors = [];
  let pages = 1;
  let timer = 0;
  let drawn = "";
  const facts = el("dl", { class: "pairs" });
  const gapList = el("div", {});
  let drawnHead = "";
  let drawnGaps = "";
  const pulls = [
    pull(PERIOD_MS, readList, list.fail),
    pull(PERIOD_MS, readOne, one.fail),
    pull(PERIOD_MS, readReadouts, () => {}),
  ];
  const unheard = [
    listen(`subscription { orders { ${ORDER} } }`, {}, ({ orders: given }) => orders.show(
      given.length ? given.slice(0, 6).map(orderCard) : el("p", { class: "empty" }, "No order has been given yet.")), orders.fail),
    listen("subscription { runState { number state } }", {}, () => pulls.forEach((each) => each.now())),
  ];

  function typed() {
    clearTimeout(timer);
    timer = setTimeout(() => look({ text: text.value.trim() }), TYPING_MS);
  }

  function look(change) {
    Object.assign(view, change);
    note(view);
    pulls.slice(0, 2).forEach((each) => each.now());
  }

  async function readList(signal) {
    const wanted = { text: view.text || null, where: view.where || null, state: view.state || null };
    const found = [];
    let after = null, more = true, total = 0;
    for (let n = 0; n < pages && more; n++) {
      const { runs } = await ask(LIST, { wanted, after }, signal);
      found.push(...runs.edges.map(({ node }) => node));
      ({ hasNextPage: more, endCursor: after } = runs.pageInfo);
      total = runs.totalCount;
    }
    list.fresh();
    if (view.run === null && found.length) look({ run: String(found[0].number) });
    const now = JSON.stringify([found, more, view]);
    if (now === drawn) return;
    drawn = now;
    count.textContent = `${whole(total)} ${total === 1 ? "run" : "runs"}${view.text || view.where || view.state ? " found" : ""}`;
    const focus = rows.contains(document.activeElement) ? [...rows.querySelectorAll("tr")].indexOf(document.activeElement) : -1;
    fill(rows, runsTable(found), more && el("p", {}, el("button", { on: { click: () => { pages += 1; pulls[0].now(); } } }, "Show more")));
    rows.querySelectorAll("tr")[focus]?.focus();
  }

  function runsTable(found) {
    return table([
      { name: "run", number: true, of: (run) => run.number },
      { name: "name", of: (run) => run.name },
      { name: "state", of: runState },
      { name: "started", of: (run) => utc(run.startedAt) },
      { name: "took", number: true, of: (run) => length((new Date(run.stoppedAt ?? Date.now()).getTime() - new Date(run.startedAt).getTime()) / 1000) },
      { name: "words", number: true, of: (run) => whole(run.words) },
      { name: "detector", of: (run) => run.detector.name },
      { name: "tags", of: (run) => run.tags.join(", ") },
      { name: "note", of: (run) => el("span", { class: "clip" }, run.note) },
    ], found, {
      caption: "Runs", pick: (run) => look({ run: String(run.number) }), picked: (run) => String(run.number) === view.run,
      empty: view.text || view.where || view.state ? "No run is like that: search for less." : "No run yet. Start one, or bring a file: everyhit ingest FILE --detector my.toml",
    });
  }

  async function readOne(signal) {
    if (view.run === null) return one.show(el("p", { class: "empty" }, "Choose a run, and what is known of it stands here."));
    const { run, configurations } = await ask(ONE, { run: view.run }, signal);
    one.fresh();
    return drawRun(run, configurations);
  }

  function drawRun(run, configurations) {
    const covered = run.last === null ? null : toSeconds(run.last, run.tickNs) - toSeconds(run.first, run.tickNs);
    const triggers = Object.keys(run.settings.triggers ?? {});
    const pairs = [
      ["detector", run.detector.title ? `${run.detector.name}: ${run.detector.title}` : run.detector.name],
      ["started", utc(run.startedAt)],
      ["stopped", run.stoppedAt ? utc(run.stoppedAt) : "–"],
      ["words", whole(run.words)],
      ["hits from, to", run.last === null ? "no hits yet" : `${seconds(toSeconds(run.first, run.tickNs), 3)} to ${seconds(toSeconds(run.last, run.tickNs), 3)} of the run`],
      ["live time", covered ? `${seconds(run.liveTime, 3)}, ${(100 * Math.min(1, run.liveTime / covered)).toFixed(2)} %` : "–"],
      ["triggers", triggers.join(", ") || "none"],
      ["events of", (run.settings.events ?? []).join(", ") || "none"],
      ["removed", removedNow(configurations)],
      run.dropped && ["words dropped", whole(run.dropped.words)],
      run.homes.some(({ home }) => home) && ["words lie in", run.homes.map(({ home, words }) => `${home || "the store"}: ${whole(words)}`).join(", ")],
      ["fields", Object.entries(run.fields).map(([name, value]) => `${name} ${value}`).join(", ") || "–"],
      ["tags", run.tags.join(", ") || "–"],
      ["note", run.note || "–"],
    ].filter(Boolean);
    fill(facts, pairs.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
    const [head, gaps] = [[run.number, run.name, run.state, run.note, run.fields, run.tags], run.gaps].map((each) => JSON.stringify(each));
    if (gaps !== drawnGaps) fill(gapList, gapsOf(run));
    drawnGaps = gaps;
    // What one is about to press stays where it is.
    if (head === drawnHead) return;
    drawnHead = head;
    one.show(el("p", {}, el("strong", {}, `Run ${run.number}: ${run.name} `), runState(run)),
      el("div", { class: "buttons" },
        el("a", { class: "button", href: addressOf("live", { run: run.number }) }, "Look at it"),
        el("a", { class: "button", href: addressOf("events", { run: run.number }) }, "Its events"),
        may("control") && run.state === "OPEN" && el("button", { on: { click: () => act(() => configureRun(run)) } }, "Configure"),
        may("control") && run.state === "OPEN" && el("button", { class: "danger", on: { click: () => act(() => stopRun(run)) } }, "Stop"),
        may("annotate") && el("button", { on: { click: () => annotate(run) } }, run.note ? "Change the note" : "Write a note"),
        may("annotate") && el("button", { on: { click: () => describe(run) } }, "Fields and tags")),
      facts, gapList);
  }

  async function annotate(run) {
    const done = await inquire({
      title: `Note to run ${run.number}: ${run.name}`, fields: [{ name: "note", label: "Note", kind: "area", value: run.note }], action: "Keep it",
      done: (values) => ask(ANNOTATE, { run: String(run.number), ...values }),
    });
    if (done) pulls.forEach((each) => each.now());
  }

  async function describe(run) {
    const lines = Object.entries(run.fields).map(([name, value]) => `${name} = ${JSON.stringify(value)}`).join("\n");
    const done = await inquire({
      title: `Fields and tags of run ${run.number}: ${run.name}`,
      fields: [
        { name: "lines", label: "Fields", kind: "area", value: lines, hint: 'One a line: beam_energy_GeV = 22, target = "lead", cooled = true' },
        { name: "words", label: "Tags", value: run.tags.join(", "), hint: "calibration, night shift" },
      ],
      action: "Keep them",
      done: async ({ lines: text, words }) => {
        const fields = fieldsOf(text);
        const tags = words.split(",").map((each) => each.trim()).filter(Boolean);
        const gone = (before, now) => before.filter((each) => !now.includes(each));
        return ask(ANNOTATE, { run: String(run.number), fields, tags, unset: gone(Object.keys(run.fields), Object.keys(fields)), untag: gone(run.tags, tags) });
      },
    });
    if (done) pulls.forEach((each) => each.now());
  }

  async function act(order) {
    let told;
    try {
      told = await order();
    } catch (fault) {
      if (!(fault instanceof ApiError)) throw fault;
      return fill(came, el("p", { class: "problem" }, fault.message));
    }
    if (!told) return null;
    fill(came, el("div", { class: "notice" }, orderCard(told)));
    return look({ run: String(told.run.number) });
  }

  async function readReadouts(signal) {
    let there = [];
    let why = "No readout takes orders here. Start one: ";
    try {
      there = (await ask(READOUTS, {}, signal)).readouts;
    } catch (fault) {
      if (fault.code !== "usage") throw fault;
      why = `${fault.message}: `;
    }
    readouts.fresh();
    detectors = [...new Set(there.map((each) => each.detector))];
    if (start) start.disabled = !detectors.length;
    readouts.show(there.length ? there.map(readoutCard) : el("p", { class: "empty" }, why, el("code", {}, "everyhit up --detector my.toml --tcp 0.0.0.0:7000")));
  }

  return () => {
    clearTimeout(timer);
    pulls.forEach((each) => each.stop());
    unheard.forEach((end) => end());
  };
}

function readoutCard(each) {
  return el("div", { class: "readout" },
    el("p", {}, el("strong", {}, each.name), " ", el("span", { class: `state ${each.run === null ? "idle" : "good"}` }, each.run === null ? "waits for a run" : `takes run ${each.run}`)),
    el("p", { class: "hint" }, `${each.detector}, ${whole(each.words)} words stored`, Number(each.withoutRun) > 0 && `, ${whole(each.withoutRun)} came without a run`),
    each.trouble && el("p", { class: "state warn" }, each.trouble));
}

/** Return the fields in lines of "name = value": numbers, true and false, texts in quotes or bare. */
function fieldsOf(text) {
  return Object.fromEntries(text.split("\n").filter((line) => line.trim()).map((line) => {
    const [, name, value] = line.match(/^\s*([^=\s]+)\s*=\s*(.*\S)\s*$/) ?? [];
    if (!name) throw new ApiError(`“${line.trim()}” is no field: write a name, =, and a value.`, "usage");
    try {
      return [name, JSON.parse(value)];
    } catch {
      return [name, value];
    }
  }));
}

function runState(run) {
  return run.state === "OPEN" ? el("span", { class: "state good" }, "taking data") : el("span", { class: "state idle" }, "closed");
}

function removedNow(configurations) {
  const last = new Map(configurations.map((each) => [each.link, removed(each.configuration)]));
  const told = [...new Set(last.values())];
  if (told.length < 2) return told[0] ?? "nothing is removed";
  return [...last].map(([link, what]) => `link ${link}: ${what}`).join("; ");
}

function gapsOf(run) {
  const gaps = run.gaps.edges.map(({ node }) => node);
  if (!gaps.length) return null;
  return el("details", {}, el("summary", {}, `Gaps${run.gaps.pageInfo.hasNextPage ? ", the first five" : ""}`), table([
    { name: "link", of: (gap) => gap.link },
    { name: "cause", of: (gap) => gap.cause },
    { name: "from", number: true, of: (gap) => seconds(toSeconds(gap.start, run.tickNs), 3) },
    { name: "to", number: true, of: (gap) => seconds(toSeconds(gap.stop, run.tickNs), 3) },
    { name: "hits lost", number: true, of: (gap) => whole(gap.nLost) },
  ], gaps, { caption: "Gaps of the run" }));
}
