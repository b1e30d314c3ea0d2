/** One event: drawn, with what was found in it, its raw words, and the chunks and links they came by. */

import { ask } from "../api/ask.js";
import { drawEvent } from "../plots/event_drawing.js";
import { addressOf } from "../view/address.js";
import { detectorOf } from "../view/detector.js";
import { el, fill } from "../view/dom.js";
import { seconds, toSeconds, utc, whole } from "../view/format.js";
import { latest } from "../view/latest.js";
import { panel } from "../view/panel.js";
import { savePng, saveSvg } from "../view/save.js";
import { table } from "../view/table.js";

const FIELDS = `lineage event { t tEnd tS continued triggers nWords words { t tNs link raw hit values positionMm } }
  found { trigger lineage rows } shape { kind element positionMm sizeMm view }`;
const RUN = "number startedAt tickNs detector { name fingerprint }";
const GIVEN = "$run: String, $t: Ticks!, $of: String!, $lineage: String, $where: String!";
const ONE = "event(t: $t, trigger: $of, lineage: $lineage, where: $where)";
const EVENT = `query (${GIVEN}) { run(which: $run) { ${RUN} ${ONE} { ${FIELDS} } } }`;
const AROUND = `query ($run: String, $t: Ticks!) { run(which: $run) { ${RUN} eventAt(t: $t) { ${FIELDS} } } }`;
const NEWEST = `query ($run: String, $of: String!, $lineage: String, $where: String!) { run(which: $run) { ${RUN}
  newestEvent(trigger: $of, lineage: $lineage, where: $where) { ${FIELDS} } } }`;
/** What is asked when the event is drawn already. */
const BESIDE = `query (${GIVEN}) { run(which: $run) { ${ONE} { previous next
  broughtBy { link seq tFirst tLast words corrupt checksum recordedAt dropped } } } }`;
const SOURCE = "query ($run: String) { run(which: $run) { detector { source } } }";

/**
 * Return a panel that shows an event: `show(view, builds)`, and `stop()`.
 * @param {(t: string) => void} moved is told when somebody goes to another event
 */
export function eventDisplay(moved) {
  const before = el("button", { class: "small", disabled: true, on: { click: () => go("previous") } }, "← Before");
  const behind = el("button", { class: "small", disabled: true, on: { click: () => go("next") } }, "Behind →");
  const svgs = el("button", { class: "small", hidden: true, on: { click: () => saveSvg(...drawn()) } }, "SVG");
  const pngs = el("button", { class: "small", hidden: true, on: { click: () => savePng(...drawn()) } }, "PNG");
  const chunks = el("div");
  const box = panel("The event", { tools: [before, behind, svgs, pngs] });
  const ending = new AbortController();
  let display = null;
  let run = null;
  document.addEventListener("keydown", pressed, { signal: ending.signal });
  const read = latest(readEvent, box.fail);

  /** Show the event that begins at t, or the one around t if another trigger's rows are looked at. */
  async function readEvent(signal, view, builds) {
    const asked = { run: view.run, of: view.of, lineage: view.lineage || null, where: view.where };
    const found = (!builds && view.t === null) ? null
      : view.t === null ? await ask(NEWEST, asked, signal)
      : builds ? await ask(EVENT, { ...asked, t: view.t }, signal)
      : await ask(AROUND, { run: view.run, t: view.t }, signal);
    run = found?.run ?? null;
    display = run ? (run.event ?? run.eventAt ?? run.newestEvent ?? null) : null;
    svgs.hidden = pngs.hidden = !display;
    if (!display) {
      before.disabled = behind.disabled = true;
      const why = !builds && view.t !== null ? "No event contains this row: none of its triggers' rows make events, or events were not built here."
        : builds ? "No event is like that: select less, or wait for one. Events are made where the trigger “events” runs on the run."
        : "Choose a row, and the event around it is drawn here.";
      return box.show(el("p", { class: "empty" }, why));
    }
    draw(await detectorOf(run, signal));
    const whose = builds ? { of: view.of, where: view.where } : { of: "events", where: "" };
    const beside = (await ask(BESIDE, { run: asked.run, t: display.event.t, lineage: display.lineage, ...whose }, signal)).run.event;
    Object.assign(display, beside);
    before.disabled = !beside.previous;
    behind.disabled = !beside.next;
    fill(chunks, cameBy(beside.broughtBy));
  }

  function draw(detector) {
    const { event, found, lineage } = display;
    fill(chunks, el("p", { class: "hint" }, "…"));
    const at = new Date(new Date(run.startedAt).getTime() + event.tS * 1000);
    box.show(
      el("p", {}, el("strong", {}, `${seconds(event.tS, 9)} of run ${run.number}`), ` · ${utc(at, { fractions: true })} · ${whole(Number(BigInt(event.tEnd) - BigInt(event.t)) * run.tickNs)} ns long · ${whole(event.nWords)} words · found by ${event.triggers.join(", ")}`, event.continued && " · goes on where a longer one was cut"),
      drawEvent(display, detector),
      el("div", { class: "grid inner" },
        el("section", { class: "half" }, el("h3", {}, "Made by"), madeBy(lineage, found)),
        el("section", { class: "half" }, el("h3", {}, "Raw words"), rawWords(event, detector))),
      el("section", {}, el("h3", {}, "Came by"), chunks),
      declaration());
  }

  function madeBy(lineage, found) {
    const of = (trigger, id) => el("a", { href: addressOf("triggers", { name: trigger, run: run.number, lineage: id }) }, `${trigger} (${id})`);
    return el("ul", { class: "plain" }, el("li", {}, "built by ", of("events", lineage)),
      found.map((each) => el("li", {}, of(each.trigger, each.lineage), `: ${whole(each.rows.length)} ${each.rows.length === 1 ? "row" : "rows"} in it`)));
  }

  function cameBy(chunks) {
    return table([
      { name: "link", number: true, of: (chunk) => chunk.link },
      { name: "chunk", number: true, of: (chunk) => whole(chunk.seq) },
      { name: "from", number: true, of: (chunk) => seconds(toSeconds(chunk.tFirst, run.tickNs), 6) },
      { name: "to", number: true, of: (chunk) => seconds(toSeconds(chunk.tLast, run.tickNs), 6) },
      { name: "words", number: true, of: (chunk) => whole(chunk.words) },
      { name: "corrupt", number: true, of: (chunk) => whole(chunk.corrupt) },
      { name: "CRC-32", of: (chunk) => el("code", {}, Number(chunk.checksum).toString(16).padStart(8, "0")) },
      { name: "recorded", of: (chunk) => utc(chunk.recordedAt) },
      { name: "raw words", of: (chunk) => (chunk.dropped ? el("span", { class: "state warn" }, "dropped") : "kept") },
    ], chunks, { caption: "Chunks of the event", empty: "No chunk of this range is known any more." });
  }

  function rawWords(event, detector) {
    const shown = (display.shape?.element ?? []).filter((name) => event.words.some((word) => name in word.values));
    return table([
      { name: "ns since its begin", number: true, of: (word) => word.tNs.toFixed(2) },
      { name: "link", number: true, of: (word) => word.link },
      ...shown.map((name) => ({ name, number: true, of: (word) => (word.hit ? word.values[name] : "") })),
      { name: "kind", of: (word) => (word.hit ? "hit" : "other") },
      { name: "as it came", of: (word) => el("code", { title: Object.entries(word.values).map(([name, value]) => `${name} ${value}`).join("\n") }, word.raw.map((raw) => `0x${BigInt(raw).toString(16).padStart(16, "0")}`).join(" ")) },
    ], event.words, { caption: `Raw words, as ${detector.name} sent them` });
  }

  function declaration() {
    const text = el("pre", { class: "source", tabindex: 0 });
    const opened = async (event) => {
      if (event.target.open && !text.textContent) fill(text, (await ask(SOURCE, { run: String(run.number) })).run.detector.source);
    };
    return el("details", { on: { toggle: opened } }, el("summary", {}, `The declaration of ${run.detector.name}, as it was when the run began`), text);
  }

  function drawn() {
    return [box.element.querySelector("svg.event"), `run${run.number}-event-${display.event.t}`];
  }

  function go(way) {
    if (display?.[way]) moved(display[way]);
  }

  function pressed(event) {
    if (event.target.closest("input, select, textarea, dialog, .u-over") || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "ArrowLeft") go("previous");
    else if (event.key === "ArrowRight") go("next");
    else return;
    event.preventDefault();
  }

  return {
    element: box.element,
    show: read,
    isShown: () => display !== null,
    stop: () => {
      ending.abort();
      read.stop();
    },
  };
}
