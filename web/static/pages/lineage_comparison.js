/** Two lineages of a trigger beside each other: counts, one column's histograms, what only one has. */

import { ask } from "../api/ask.js";
import { seriesPlot } from "../plots/time_series.js";
import { addressOf } from "../view/address.js";
import { el, fill } from "../view/dom.js";
import { seconds, toSeconds, whole } from "../view/format.js";
import { latest } from "../view/latest.js";
import { panel } from "../view/panel.js";
import { histogramOf } from "./selected_rows.js";

const COMPARE = `query ($run: String, $trigger: String!, $one: String!, $other: String!, $start: Moment, $stop: Moment) { run(which: $run) {
  comparison(trigger: $trigger, one: $one, other: $other, start: $start, stop: $stop, first: 12) {
    rowsOne rowsOther same changed onlyOne onlyOther firstChanged firstOnlyOne firstOnlyOther partial } } }`;
const NUMBER = /^(Nullable\()?(U?Int|Float)\d+\)?$/;

/**
 * Return a panel: its element, `show(run, view)`, `stop()`.
 * @param {(change: object) => void} look is told what somebody chose: trigger, one, other, column
 */
export function lineageComparison(look) {
  const chooser = (label, name) => el("select", { "aria-label": label, on: { change: (event) => look({ [name]: event.target.value }) } });
  const selects = { trigger: chooser("Trigger to compare", "trigger"), one: chooser("The one", "one"), other: chooser("The other", "other"), column: chooser("Column", "column") };
  const plot = seriesPlot({ unit: "", label: "Histograms of both lineages", x: "value", kind: "steps", height: 220 });
  const box = panel("Two lineages compared", { tools: Object.values(selects) });
  const read = latest(compare, box.fail);

  async function compare(signal, run, view) {
    const several = [...new Set(run.lineages.map((each) => each.trigger))].filter((name) => run.lineages.filter((each) => each.trigger === name).length > 1);
    if (!several.length) {
      Object.values(selects).forEach((select) => { select.hidden = true; });
      return box.show(el("p", { class: "empty" }, "Each trigger has one lineage here, or none. Reprocess one with other parameters, and both stand here side by side."));
    }
    Object.values(selects).forEach((select) => { select.hidden = false; });
    const trigger = several.includes(view.trigger) ? view.trigger : several[0];
    const own = run.lineages.filter((each) => each.trigger === trigger);
    const known = (id) => own.find((each) => each.lineage === id);
    const [one, other] = [known(view.one) ?? own[1], known(view.other) ?? own[0]];
    const columns = Object.entries(one.columns).filter(([name, kind]) => NUMBER.test(kind) && other.columns[name] === kind).map(([name]) => name);
    const column = columns.includes(view.column) ? view.column : columns.find((name) => name !== "t") ?? "t";
    put(selects.trigger, several, trigger);
    put(selects.one, own.map((each) => each.lineage), one.lineage, nameOf(own));
    put(selects.other, own.map((each) => each.lineage), other.lineage, nameOf(own));
    put(selects.column, columns, column);
    const given = { run: String(run.number), start: view.from, stop: view.to };
    const { comparison } = (await ask(COMPARE, { ...given, trigger, one: one.lineage, other: other.lineage }, signal)).run;
    const of = (lineage) => ({ ...given, of: trigger, lineage, from: view.from, to: view.to, where: "" });
    const first = await histogramOf(of(one.lineage), column, {}, signal);
    const second = await histogramOf(of(other.lineage), column, {}, signal);
    const ends = { low: Math.min(first.low, second.low), high: Math.max(first.high, second.high) };
    const [left, right] = await Promise.all([one, other].map((each) => histogramOf(of(each.lineage), column, ends, signal)));
    draw(run, trigger, one, other, comparison);
    const width = (left.high - left.low) / left.counts.length;
    plot.set([`the one, ${one.lineage}`, `the other, ${other.lineage}`], [left.counts.map((_, n) => left.low + n * width), left.counts, right.counts]);
    return null;
  }

  function draw(run, trigger, one, other, found) {
    const links = (times, lineage) => times.map((t) => el("li", {}, el("a", { href: addressOf("events", { run: run.number, of: trigger, lineage, t }) }, seconds(toSeconds(t, run.tickNs), 9))));
    const figures = [["rows of the one", found.rowsOne], ["rows of the other", found.rowsOther], ["times equal in both", found.same], ["times that differ", found.changed], ["times only in the one", found.onlyOne], ["times only in the other", found.onlyOther]];
    const lists = [["Times that differ", found.firstChanged, other.lineage], ["Times only in the one", found.firstOnlyOne, one.lineage], ["Times only in the other", found.firstOnlyOther, other.lineage]];
    box.show(found.partial && el("p", { class: "notice" }, found.partial),
      el("dl", { class: "figures" }, figures.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, whole(value))))),
      plot.element,
      el("div", { class: "grid inner" }, lists.map(([name, times, lineage]) => el("section", { class: "third" }, el("h3", {}, `${name}: the first`),
        times.length ? el("ul", { class: "plain columns" }, links(times, lineage)) : el("p", { class: "empty" }, "none")))));
  }

  return { element: box.element, show: read, stop: () => { read.stop(); plot.stop(); } };
}

function put(select, values, value, name = (each) => each) {
  fill(select, values.map((each) => el("option", { value: each, selected: each === value }, name(each))));
}

/** Return what tells lineages of a trigger apart: the parameters in which they differ. */
export function nameOf(lineages) {
  const differs = (key) => new Set(lineages.map((each) => JSON.stringify(each.params[key]))).size > 1;
  return (id) => {
    const { params } = lineages.find((each) => each.lineage === id);
    const own = Object.entries(params).filter(([key]) => differs(key)).map(([key, value]) => `${key} ${value}`);
    return [id, ...own].join(", ");
  };
}
