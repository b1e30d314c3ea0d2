/** Store: how long words are kept, what the next apply would let go and why the rest stays, pins, shards. */

import { ApiError, ask } from "../api/ask.js";
import { addressOf, note } from "../view/address.js";
import { inquire } from "../view/dialog.js";
import { el, fill } from "../view/dom.js";
import { bytes, seconds, toSeconds, utc, whole } from "../view/format.js";
import { panel } from "../view/panel.js";
import { pull } from "../view/pull.js";
import { table } from "../view/table.js";

export const title = "Store";

const PERIOD_MS = 5000;
const EVER = 2n ** 62n;
const READ = `{ retention { policies { runType rawDays runs words bytes days oldest asideWords asideBytes thenArchive } pins { run start stop note } }
  shards { shard kinds { kind parts rows bytes } freeBytes totalBytes replicas activeReplicas fault }
  runs(first: 200) { edges { node { number name tickNs } } } }`;
const PLAN = "{ retentionPlan { shard hour action parts words bytes runs { run } why to } }";
const SET = `mutation ($runType: String!, $rawDays: Int, $thenArchive: String) {
  setRetention(runType: $runType, rawDays: $rawDays, thenArchive: $thenArchive) { runType } }`;
const PIN = "mutation ($run: String!, $start: Moment, $stop: Moment, $note: String!) { pinRun(run: $run, start: $start, stop: $stop, note: $note) { run } }";
const UNPIN = "mutation ($run: String!, $start: Moment, $stop: Moment) { unpinRun(run: $run, start: $start, stop: $stop) { run } }";
const ACTIONS = { DETACH: ["put aside", "warn"], DROP: ["dropped for good", "bad"], ATTACH: ["brought back", "good"], KEEP: ["stays", "idle"], ARCHIVE: ["moved to another home", "warn"] };
const SHOWN = { all: "all", goes: "what goes", stays: "what stays" };

/**
 * Open the page.
 * @param {Element} root
 * @param {{show?: string}} params
 */
export function open(root, params, me) {
  const view = { show: params.show in SHOWN ? params.show : "all" };
  const may = me.may.includes("retain");
  const button = (text, act, kind = "small") => el("button", { class: kind, on: { click: act } }, text);
  const policies = panel("How long raw words are kept", { wide: "two-thirds", tools: may ? [button("Set a policy", () => setPolicy())] : [] });
  const pins = panel("Pins: kept whatever the policies say", { wide: "third", tools: may ? [button("Pin a run", pin)] : [] });
  const choice = el("select", { "aria-label": "Which hours", on: { change: () => { view.show = choice.value; note(view); planned.now(); } } },
    Object.entries(SHOWN).map(([value, text]) => el("option", { value, selected: value === view.show }, text)));
  const plan = panel("What the next “retention apply” would do", { tools: may ? [choice] : [] });
  const shards = panel("Shards");
  fill(root, el("div", { class: "title" }, el("h1", {}, "Store"), el("span", { class: "sub" }, "Events, rates and results stay; raw words go by the hour.")),
    el("div", { class: "grid" }, policies.element, pins.element, plan.element, shards.element));
  if (!may) plan.show(el("p", { class: "empty" }, "This is told to those who set how long words are kept: a dba or an admin."));

  const reading = pull(PERIOD_MS, read, (text) => [policies, pins, shards].forEach((each) => each.fail(text)));
  const planned = pull(PERIOD_MS, readPlan, plan.fail);
  const drawn = new Map();

  async function read(signal) {
    const found = await ask(READ, {}, signal);
    const runs = new Map(found.runs.edges.map(({ node }) => [node.number, node]));
    ifNew(policies, found.retention.policies, () => drawPolicies(found.retention.policies));
    ifNew(pins, [found.retention.pins, [...runs.keys()]], () => drawPins(found.retention.pins, runs));
    ifNew(shards, found.shards, () => shards.show(el("div", { class: "grid" }, found.shards.map(shardCard))));
  }

  async function readPlan(signal) {
    if (!may) return;
    const { retentionPlan } = await ask(PLAN, {}, signal);
    ifNew(plan, [retentionPlan, view], () => drawPlan(retentionPlan));
  }

  /** What one is about to press stays where it is while nothing changes. */
  function ifNew(box, what, draw) {
    const now = JSON.stringify(what);
    if (drawn.get(box) === now) return;
    drawn.set(box, now);
    draw();
  }

  function drawPolicies(all) {
    policies.show(table([
      { name: "runs of type, or named like", of: (each) => (each.runType === "default" ? "default: all others" : each.runType) },
      { name: "kept for", of: (each) => daysOf(each.rawDays) },
      { name: "then", of: (each) => (each.rawDays === null ? "–" : each.thenArchive ? `moved to ${each.thenArchive}` : "dropped") },
      { name: "runs", number: true, of: (each) => whole(each.runs) },
      { name: "words", number: true, of: (each) => whole(each.words) },
      { name: "on disk", number: true, of: (each) => bytes(each.bytes) },
      { name: "days", number: true, of: (each) => whole(each.days) },
      { name: "since", of: (each) => utc(each.oldest).slice(0, 10) },
      { name: "aside", number: true, of: (each) => (Number(each.asideBytes) ? bytes(each.asideBytes) : "–") },
      { name: "", of: (each) => may && button("Change", () => setPolicy(each)) },
    ], all, { caption: "Policies" }));
  }

  async function setPolicy(policy = null) {
    const done = await inquire({
      title: policy ? `Raw words of “${policy.runType}”` : "Set a policy",
      text: el("p", { class: "hint" }, "Nothing goes at once: “everyhit retention apply” puts words aside first, and drops them for good a week later."),
      fields: [
        ...(policy ? [] : [{ name: "runType", label: "A type of run, or a pattern of names", hint: "cosmics, or beam*", required: true }]),
        { name: "days", label: "Days", value: policy?.rawDays ?? "", hint: "Empty: for ever." },
        { name: "thenArchive", label: "Then move them to", value: policy?.thenArchive ?? "", hint: "s3://bucket/prefix or mongodb://host/db, without a password: whoever applies this has it in EVERYHIT_HOMES. Empty: they are dropped." },
      ],
      action: "Keep them so long",
      done: async ({ runType = policy?.runType, days, thenArchive }) => ask(SET, { runType, rawDays: days === "" ? null : wholeDays(days), thenArchive }),
    });
    if (done) [reading, planned].forEach((each) => each.now());
  }

  function drawPins(all, runs) {
    const moment = (ticks, run, edge) => (BigInt(ticks) === edge ? "" : runs.has(run) ? seconds(toSeconds(ticks, runs.get(run).tickNs), 3) : `tick ${whole(ticks)}`);
    pins.show(table([
      { name: "run", of: (each) => el("a", { href: addressOf("runs", { run: each.run }) }, `${each.run}${runs.has(each.run) ? `: ${runs.get(each.run).name}` : ""}`) },
      { name: "from", number: true, of: (each) => moment(each.start, each.run, -EVER) || "its start" },
      { name: "to", number: true, of: (each) => moment(each.stop, each.run, EVER) || "its end" },
      { name: "why", of: (each) => each.note || "–" },
      { name: "", of: (each) => may && button("Let go", () => unpin(each)) },
    ], all, { caption: "Pins", empty: may ? "Nothing is pinned. Pin a run whose raw words must stay." : "Nothing is pinned." }));
  }

  async function pin() {
    const done = await inquire({
      title: "Pin a run",
      text: el("p", { class: "hint" }, "Its raw words stay, whatever the policies say, until it is let go."),
      fields: [{ name: "run", label: "Number or name", required: true }, { name: "start", label: "From", hint: "12.5 s, or a date; empty: its start" },
        { name: "stop", label: "To", hint: "Empty: its end" }, { name: "note", label: "Why" }],
      action: "Pin it",
      done: ({ run, start, stop, note: why }) => ask(PIN, { run, start: start || null, stop: stop || null, note: why }),
    });
    if (done) [reading, planned].forEach((each) => each.now());
  }

  async function unpin({ run, start, stop, note: why }) {
    const done = await inquire({
      title: `Let run ${run} go?`,
      text: el("p", {}, why && `It was pinned because: ${why}. `, "Then the policies decide about its raw words."),
      action: "Let it go",
      danger: true,
      done: () => ask(UNPIN, { run: String(run), start: BigInt(start) === -EVER ? null : start, stop: BigInt(stop) === EVER ? null : stop }),
    });
    if (done) [reading, planned].forEach((each) => each.now());
  }

  function drawPlan(steps) {
    const goes = steps.filter((step) => step.action !== "KEEP");
    const sum = (of, name) => of.reduce((total, step) => total + Number(step[name]), 0);
    const told = goes.length ? `${whole(sum(goes, "words"))} words (${bytes(sum(goes, "bytes"))}) in ${whole(goes.length)} hours go` : "Nothing goes now";
    const kept = steps.filter((step) => step.action === "KEEP");
    const stay = kept.length ? `; ${whole(sum(kept, "words"))} words (${bytes(sum(kept, "bytes"))}) stay` : "";
    const shown = byDay({ all: steps, goes, stays: kept }[view.show]);
    plan.show(el("p", { role: "status" }, `${told}${stay}.`), table([
      { name: "day, UTC", of: (each) => each.day },
      { name: "shard", number: true, of: (each) => each.shard },
      { name: "hours", number: true, of: (each) => whole(each.hours) },
      { name: "", of: (each) => el("span", { class: `state ${ACTIONS[each.action][1]}` }, ACTIONS[each.action][0]) },
      { name: "words", number: true, of: (each) => whole(each.words) },
      { name: "on disk", number: true, of: (each) => bytes(each.bytes) },
      { name: "parts", number: true, of: (each) => whole(each.parts) },
      { name: "runs", of: (each) => [...each.runs].join(", ") },
      { name: "why it stays, or where it goes", of: (each) => [...each.why, ...each.to.map((home) => `to ${home}`)].join("; ") },
    ], shown, { caption: "Steps", empty: view.show === "all" ? "All raw words are younger than their policies say, or kept for ever." : "No raw words are like that." }));
  }

  return () => [reading, planned].forEach((each) => each.stop());
}

/** Return the steps of a day on a shard together where they have one action and one reason. */
function byDay(steps) {
  const days = new Map();
  for (const step of steps) {
    const day = step.hour.slice(0, 10);
    const key = [day, step.shard, step.action, ...step.why, ...step.to].join("\n");
    const sum = days.get(key) ?? { day, shard: step.shard, action: step.action, why: step.why, to: step.to, hours: 0, words: 0, bytes: 0, parts: 0, runs: new Set() };
    sum.hours += 1;
    sum.words += Number(step.words);
    sum.bytes += Number(step.bytes);
    sum.parts += step.parts;
    step.runs.forEach(({ run }) => sum.runs.add(run));
    days.set(key, sum);
  }
  return [...days.values()].sort((a, b) => b.day.localeCompare(a.day) || a.shard - b.shard);
}

function shardCard(each) {
  if (each.fault) return el("p", { class: "problem" }, `Shard ${each.shard} can't be asked: ${each.fault}`);
  const used = Number(each.totalBytes) - Number(each.freeBytes);
  return el("section", { class: "third", "aria-label": `Shard ${each.shard}` }, el("h3", {}, `Shard ${each.shard}`),
    el("p", {}, el("meter", { min: 0, max: each.totalBytes, value: used, high: 0.9 * Number(each.totalBytes), "aria-label": "Disk in use" }), ` ${bytes(each.freeBytes)} free of ${bytes(each.totalBytes)}`),
    el("p", { class: "hint" }, each.replicas ? `${each.activeReplicas} of ${each.replicas} replicas are there` : "not replicated"),
    table([
      { name: "kind", of: (kind) => kind.kind },
      { name: "on disk", number: true, of: (kind) => bytes(kind.bytes) },
      { name: "rows", number: true, of: (kind) => whole(kind.rows) },
      { name: "parts", number: true, of: (kind) => whole(kind.parts) },
    ], each.kinds, { caption: `What lies on shard ${each.shard}` }));
}

function wholeDays(text) {
  if (!/^\d+$/.test(text)) throw new ApiError("Days are a whole number; leave them empty for “ever”.", "usage");
  return Number(text);
}

function daysOf(days) {
  return days === null ? "ever" : `${whole(days)} ${days === 1 ? "day" : "days"}`;
}
