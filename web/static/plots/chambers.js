/** Where a detector's elements lie: one picture a group (a chamber), each element in its place. */

import { el, svg } from "../view/dom.js";
import { withUnit } from "../view/format.js";
import { shade } from "./colours.js";

const WIDTH = 460;
const MARGIN = 3;
/** What declarations give as the view of an element that lies nowhere. */
export const NOWHERE = 255;

/**
 * Return the elements by what the first of their names says, in that order.
 * @param {{names: object, positionMm: number[], channel: string, view: number|null}[]} elements
 * @param {{element: string[], sizeMm: number[]}} shape
 */
export function groupsOf(elements, shape) {
  const groups = new Map();
  for (const each of elements) {
    const name = each.names[shape.element[0]];
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(each);
  }
  return [...groups].sort(([a], [b]) => a - b).map(([name, members]) => ({ name, members, ...box(members, shape) }));
}

/** Return the box around elements in mm. */
export function box(members, shape) {
  const [width, height] = shape.sizeMm;
  const x = members.map((each) => each.positionMm[0]);
  const z = members.map((each) => each.positionMm[1]);
  return {
    left: Math.min(...x) - width / 2, right: Math.max(...x) + width / 2,
    low: Math.min(...z) - height / 2, high: Math.max(...z) + height / 2,
    view: members[0].view,
  };
}

/**
 * Return a map of rates: its element, and `set(rates)` with a rate in Hz for each channel.
 * @param {object[]} elements
 * @param {object} shape as the API gives them
 */
export function chamberMap(elements, shape) {
  const groups = groupsOf(elements, shape);
  const named = shape.element[0];
  const cells = new Map();
  const pictures = groups.map((group) => picture(group, shape, cells));
  const most = el("span", {}, "–");
  const scale = svg("svg", { viewBox: "0 0 120 10", width: 120, height: 10, "aria-hidden": "true" },
    Array.from({ length: 24 }, (_, k) => svg("rect", { x: 5 * k, y: 0, width: 5.2, height: 10, fill: shade(k / 23) })));
  const element = el("div", { class: "chambers" },
    groups.map((group, n) => el("figure", {},
      el("figcaption", {}, `${named} ${group.name}${group.view === null ? "" : `, view ${group.view}`}`), pictures[n])),
    el("div", { class: "legend" }, "0 Hz", scale, most, el("span", {}, "per wire; crossed: silent")));
  return {
    element,
    set(rates) {
      const highest = Math.max(0, ...rates.values());
      most.textContent = withUnit(highest, "Hz");
      for (const [channel, { rect, title, text, cross }] of cells) {
        const rate = rates.get(channel) ?? 0;
        rect.setAttribute("fill", rate ? shade(rate / highest) : "none");
        cross.setAttribute("visibility", rate ? "hidden" : "visible");
        title.textContent = `${text}: ${withUnit(rate, "Hz")}`;
      }
    },
  };
}

function picture(group, shape, cells) {
  const scale = (WIDTH - 2 * MARGIN) / (group.right - group.left);
  const [width, height] = shape.sizeMm;
  const tall = (group.high - group.low) * scale + 2 * MARGIN;
  const drawn = svg("svg", { viewBox: `0 0 ${WIDTH} ${tall}`, class: "chamber" });
  for (const each of group.members) {
    const text = Object.entries(each.names).map(([name, value]) => `${name} ${value}`).join(", ");
    const title = svg("title", {}, text);
    const x = MARGIN + (each.positionMm[0] - width / 2 - group.left) * scale;
    const y = MARGIN + (group.high - each.positionMm[1] - height / 2) * scale;
    const [w, h] = [width * scale, height * scale];
    const rect = svg("rect", { x, y, width: w, height: h, class: "cell" }, title);
    const cross = svg("path", { d: `M${x} ${y}l${w} ${h}m0 ${-h}l${-w} ${h}`, class: "silent", visibility: "hidden" });
    cells.set(each.channel, { rect, title, text, cross });
    drawn.append(rect, cross);
  }
  return drawn;
}

