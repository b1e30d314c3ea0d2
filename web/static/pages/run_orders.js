/** Orders to the readouts: start, configure, stop; each asked for twice, and what came of it. */

import { ask } from "../api/ask.js";
import { inquire } from "../view/dialog.js";
import { el } from "../view/dom.js";
import { seconds, toSeconds, utc } from "../view/format.js";
import { configurationFields } from "./configuration_fields.js";

export const ORDER = `id kind state who givenAt silent run { number name tickNs }
  answers { readout done said tick } configuration { masks prefilter prescales { where keepOneIn } }`;
const START = `mutation ($detector: String!, $name: String!, $configuration: ConfigurationWanted, $triggers: [String!], $events: [String!]) {
  startRun(detector: $detector, name: $name, configuration: $configuration, triggers: $triggers, events: $events) { ${ORDER} } }`;
const CONFIGURE = `mutation ($run: String, $configuration: ConfigurationWanted!) { configureRun(run: $run, configuration: $configuration) { ${ORDER} } }`;
const STOP = `mutation ($run: String, $anyway: Boolean!) { stopRun(run: $run, anyway: $anyway) { ${ORDER} } }`;
const KNOWN = "{ triggers { name enabled reads } }";
const NEWEST = "{ runs(first: 1) { edges { node { settings } } } }";
const CHECK = "query ($of: String!, $where: String!) { detector(name: $of) { selection(where: $where) { problem start stop columns } } }";
const CHECK_IN_RUN = "query ($run: String, $where: String!) { run(which: $run) { detector { selection(where: $where) { problem start stop columns } } } }";
const IN_FORCE = `query ($run: String) { run(which: $run) { last } configurations(run: $run) { start
  configuration { masks prefilter prescales { where keepOneIn } } } }`;
const NOTHING = { masks: [], prefilter: "", prescales: [] };

/**
 * Ask for a run; return the order, or null.
 * @param {string[]} detectors those of readouts that are there
 */
export async function startRun(detectors) {
  const [{ triggers }, { runs }] = await Promise.all([ask(KNOWN), ask(NEWEST)]);
  const before = runs.edges[0]?.node.settings ?? {};
  const names = triggers.filter((each) => each.enabled && each.name !== "events").map((each) => each.name);
  const detector = el("select", {}, detectors.map((each) => el("option", { value: each }, each)));
  const rules = configurationFields(NOTHING, async (where) => (await ask(CHECK, { of: detector.value, where })).detector.selection);
  return inquire({
    title: "Start a run",
    text: el("p", { class: "hint" }, "The readouts take it as soon as they have acknowledged the order."),
    fields: [
      { name: "name", label: "Name", hint: "Empty: its number. The name of an open run lets that one go on." },
      { name: "detector", own: { element: el("label", { class: "field" }, el("span", {}, "Detector"), detector), value: () => detector.value } },
      { name: "triggers", label: "Triggers that run on it", kind: "several", choices: names, value: Object.keys(before.triggers ?? {}) },
      { name: "events", label: "Events are made of", kind: "several", choices: names, value: before.events ?? [] },
      { name: "configuration", own: rules },
    ],
    action: "Start the run",
    done: async (values) => (await ask(START, values)).startRun,
  });
}

/** Ask what readouts of a run are to remove from now on; return the order, or null. */
export async function configureRun(run) {
  const which = String(run.number);
  const { configurations } = await ask(IN_FORCE, { run: which });
  const now = configurations.at(-1)?.configuration ?? NOTHING;
  const rules = configurationFields(now, async (where) => (await ask(CHECK_IN_RUN, { run: which, where })).run.detector.selection);
  return inquire({
    title: `Configure run ${run.number}: ${run.name}`,
    text: el("p", { class: "hint" }, "What stands here replaces all that held before. What is removed is never stored; it is booked among the run's gaps."),
    fields: [{ name: "configuration", own: rules }],
    action: "Let this hold",
    done: async ({ configuration }) => (await ask(CONFIGURE, { run: which, configuration })).configureRun,
  });
}

/** Ask whether a run is to end; return the order, or null. */
export function stopRun(run) {
  return inquire({
    title: `Stop run ${run.number}: ${run.name}?`,
    text: el("p", {}, "The readouts send what they still have, and the run is closed when all have ended. A closed run takes no more data."),
    fields: [{ name: "anyway", kind: "check", label: "Close it though readouts are silent or gone" }],
    action: "Stop the run",
    danger: true,
    done: async ({ anyway }) => (await ask(STOP, { run: String(run.number), anyway })).stopRun,
  });
}

/** Return what came of an order: who acknowledged, who refused, who was silent. */
export function orderCard(order) {
  const good = { acknowledged: "good", given: "warn", partly: "warn" }[order.state] ?? "bad";
  const moment = (tick) => (tick === null ? "" : `, at ${seconds(toSeconds(tick, order.run.tickNs), 3)} of the run`);
  return el("article", { class: "order" },
    el("p", {}, el("strong", {}, order.kind), ` of run ${order.run.number}: ${order.run.name} `, el("span", { class: `state ${good}` }, order.state)),
    el("ul", { class: "plain" },
      order.answers.map((each) => el("li", {}, `${each.readout} ${each.done ? "acknowledged" : "refused"}${moment(each.tick)}`, each.said && `: ${each.said}`)),
      order.silent.map((name) => el("li", { class: "state bad" }, `${name} said nothing`))),
    order.configuration && el("p", { class: "hint" }, removed(order.configuration)),
    el("p", { class: "hint" }, `by ${order.who}, ${utc(order.givenAt)}`));
}

/** Return in words what a configuration removes. */
export function removed({ masks, prefilter, prescales }) {
  const parts = [
    ...masks.map((where) => `masked: ${where}`),
    ...prescales.map(({ where, keepOneIn }) => `one in ${keepOneIn} of: ${where}`),
    ...(prefilter ? [`only: ${prefilter}`] : []),
  ];
  return parts.length ? parts.join("; ") : "nothing is removed";
}
