/** Draws one event: each view of the detector as a whole, and each chamber by itself. */

import { el, svg } from "../view/dom.js";
import { box, groupsOf, NOWHERE } from "./chambers.js";
import { drawSpace } from "./space_drawing.js";

/** Colours that hold on the drawing's own white ground, so that a saved picture looks the same. */
const INK = { hit: "#9cc3f5", other: "#f0a63a", circle: "#0b4f8a", segment: "#c8102e", track: "#7a21dd", cell: "#b9c2cf", text: "#1b2430" };
const WHOLE_W = 320;
const CHAMBER_W = 640;
const SHOWN_CELLS = 6;
const GAP = 24;
const MOST_LINES = 40;

/**
 * Return an SVG of an event in a detector whose elements lie in planes.
 * @param {object} display `EventDisplay` of the API
 * @param {object} detector with elements, shape, constants, tickNs
 */
export function drawPlanes(display, detector) {
  const { shape, elements } = detector;
  const groups = groupsOf(elements, shape);
  const hits = drifted(display, detector);
  const segments = rowsOf(display, "segments").filter((row) => "slope" in row && "x_mm" in row);
  const tracks = rowsOf(display, "tracks").filter((row) => "x0_mm" in row);
  const views = groups.map((group) => group.view);
  const parts = [...groups].sort((a, b) => b.low - a.low);
  const cut = window_(parts, hits, shape);
  let y = 0;
  const chambers = parts.map((group) => {
    const own = svg("g", { transform: `translate(${WHOLE_W + GAP} ${y})` });
    y += chamber(own, group, cut(group), { shape, hits, segments, tracks }) + 14;
    return own;
  });
  const names = byFrequency(views);
  const tall = (y - 14 - 10 * (names.length - 1)) / names.length;
  const whole = names.map((view, n) => {
    const own = svg("g", { transform: `translate(0 ${n * (tall + 10)})` });
    wholeView(own, groups, view, tall, { shape, hits, segments, tracks });
    return own;
  });
  const width = WHOLE_W + GAP + CHAMBER_W;
  const drawing = svg("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox: `-8 -4 ${width + 16} ${y + 34}`, class: "event", "font-family": "sans-serif", "font-size": 12 },
    svg("rect", { x: -8, y: -4, width: width + 16, height: y + 34, fill: "#ffffff" }), whole, chambers, key(y + 12));
  return drawing;
}

/** Return the hits with drift distance in mm and side, where a segment took them. */
function drifted(display, detector) {
  const { shape, constants, tickNs } = detector;
  const v = (constants.v_drift_um_per_ns ?? 0) / 1000;
  const taken = new Map();
  if (v) {
    for (const row of rowsOf(display, "segments")) {
      for (let n = 0; n < (row.wires?.length ?? 0); n++) {
        if (!row.sides?.[n]) continue;
        const late = Number(BigInt(row.hit_t[n]) - BigInt(row.t)) * tickNs - row.t0_ns;
        taken.set([row.chamber, n + 1, row.wires[n], row.hit_t[n]].join(), { drift: late * v, side: row.sides[n] });
      }
    }
  }
  const seen = display.event.words.filter((word) => word.hit && word.positionMm.length === 2 && word.values[shape.view] !== NOWHERE);
  return seen.map((word) => {
    const names = shape.element.map((name) => word.values[name]);
    return {
      group: names[0], view: shape.view ? word.values[shape.view] : null, x: word.positionMm[0], z: word.positionMm[1], tNs: word.tNs,
      text: `${shape.element.map((name, n) => `${name} ${names[n]}`).join(", ")}: ${word.tNs.toFixed(1)} ns`,
      ...taken.get([...names, word.t].join()),
    };
  });
}

function rowsOf(display, name) {
  return display.found.find((each) => each.trigger === name)?.rows ?? [];
}

function byFrequency(values) {
  const count = new Map();
  for (const value of values) count.set(value, (count.get(value) ?? 0) + 1);
  return [...count].sort(([a, n], [b, m]) => m - n || a - b).map(([value]) => value);
}

/** Return what says which part of a chamber is drawn: some cells around the hits, as wide for all. */
function window_(parts, hits, shape) {
  const half = new Map(parts.map((group) => {
    const own = hits.filter((hit) => hit.group === group.name).map((hit) => hit.x);
    const middle = own.length ? (Math.min(...own) + Math.max(...own)) / 2 : (group.left + group.right) / 2;
    const reach = own.length ? (Math.max(...own) - Math.min(...own)) / 2 : 0;
    return [group.name, { middle, reach }];
  }));
  const widest = Math.max(...[...half.values()].map(({ reach }) => reach)) + 1.5 * shape.sizeMm[0];
  const most = Math.max(...parts.map((group) => group.right - group.left)) / 2 + shape.sizeMm[0] / 2;
  const wide = Math.min(most, Math.max(SHOWN_CELLS * shape.sizeMm[0], widest));
  return (group) => ({ left: half.get(group.name).middle - wide, right: half.get(group.name).middle + wide });
}

function chamber(root, group, { left, right }, { shape, hits, segments, tracks }) {
  const scale = CHAMBER_W / (right - left);
  const [width, height] = shape.sizeMm;
  const low = group.low - height, high = group.high + height;
  const at = { x: (x) => (x - left) * scale, z: (z) => 18 + (high - z) * scale };
  const tall = 18 + (high - low) * scale;
  const clip = `clip-${group.name}`;
  const own = hits.filter((hit) => hit.group === group.name);
  const inside = svg("g", { "clip-path": `url(#${clip})` });
  for (const { positionMm: [x, z] } of group.members) {
    if (x + width / 2 >= left && x - width / 2 <= right) inside.append(cell(at, x, z, scale, shape, "#ffffff", INK.cell));
  }
  for (const hit of own) {
    inside.append(cell(at, hit.x, hit.z, scale, shape, hit.side ? INK.hit : INK.other, "#4b5565", hit.text));
  }
  for (const hit of own) {
    inside.append(svg("path", { d: `M${at.x(hit.x) - 3} ${at.z(hit.z)}h6m-3 -3v6`, stroke: INK.text, "stroke-width": 1 }));
    if (!hit.side) continue;
    const r = Math.abs(hit.drift) * scale;
    inside.append(svg("circle", { cx: at.x(hit.x), cy: at.z(hit.z), r, fill: "none", stroke: INK.circle, "stroke-width": 1.4 }));
    for (const [side, fill] of [[hit.side, INK.circle], [-hit.side, "#ffffff"]]) {
      inside.append(svg("circle", { cx: at.x(hit.x + side * hit.drift), cy: at.z(hit.z), r: 3, fill, stroke: INK.circle, "stroke-width": 1 }));
    }
  }
  for (const row of segments.filter((each) => each.chamber === group.name)) inside.append(line(at, row.x_mm, row.z_mm, row.slope, low, high, INK.segment, null));
  for (const row of tracks.filter((each) => each.view === group.view)) inside.append(line(at, row.x0_mm, 0, row.slope, low, high, INK.track, "7 5"));
  root.append(
    svg("clipPath", { id: clip }, svg("rect", { x: 0, y: 18, width: CHAMBER_W, height: tall - 18 })),
    label(0, 12, `${shape.element[0]} ${group.name}${group.view === null ? "" : `, view ${group.view}`}: x ${left.toFixed(0)} to ${right.toFixed(0)} mm`),
    inside, svg("rect", { x: 0, y: 18, width: CHAMBER_W, height: tall - 18, fill: "none", stroke: INK.cell }));
  return tall;
}

function wholeView(root, groups, view, tall, { shape, hits, segments, tracks }) {
  const all = box(groups.flatMap((group) => group.members), shape);
  const margin = 40;
  const scale = Math.min((WHOLE_W - 20) / (all.right - all.left), (tall - 18 - 20) / (all.high - all.low + 2 * margin));
  const middle = (all.left + all.right) / 2;
  const at = { x: (x) => WHOLE_W / 2 + (x - middle) * scale, z: (z) => 18 + (all.high + margin - z) * scale };
  root.append(label(0, 12, `view ${view}`));
  for (const group of groups) {
    if (group.view !== view) {
      const x = at.x(group.left), y = at.z(group.high), w = (group.right - group.left) * scale, h = (group.high - group.low) * scale;
      root.append(svg("rect", { x, y, width: w, height: h, fill: "#f1f3f6", stroke: INK.cell }),
        label(x + w + 8, y + h / 2 + 4, `${shape.element[0]} ${group.name}: view ${group.view}`));
      continue;
    }
    for (const { positionMm: [x, z] } of group.members) root.append(cell(at, x, z, scale, shape, "#ffffff", INK.cell));
    for (const row of segments.filter((each) => each.chamber === group.name)) root.append(line(at, row.x_mm, row.z_mm, row.slope, group.low - margin / 2, group.high + margin / 2, INK.segment, null));
  }
  for (const hit of hits.filter((each) => each.view === view)) root.append(cell(at, hit.x, hit.z, scale, shape, hit.side ? INK.hit : INK.other, "#4b5565", hit.text));
  for (const row of tracks.filter((each) => each.view === view)) root.append(line(at, row.x0_mm, 0, row.slope, all.low - margin, all.high + margin, INK.track, "7 5"));
}

function cell(at, x, z, scale, shape, fill, stroke, text = "") {
  const [width, height] = shape.sizeMm.map((size) => size * scale);
  return svg("rect", { x: at.x(x) - width / 2, y: at.z(z) - height / 2, width, height, fill, stroke, "stroke-width": 0.6 },
    text && svg("title", {}, text));
}

function line(at, x, z, slope, low, high, stroke, dashes) {
  return svg("line", { x1: at.x(x + slope * (low - z)), y1: at.z(low), x2: at.x(x + slope * (high - z)), y2: at.z(high), stroke, "stroke-width": 1.8, "stroke-dasharray": dashes });
}

function label(x, y, text, anchor = "start") {
  return svg("text", { x, y, fill: INK.text, "text-anchor": anchor }, text);
}

function key(y) {
  const marks = [
    ["hit of a segment", svg("rect", { x: 0, y: 2, width: 16, height: 10, fill: INK.hit, stroke: "#4b5565" })],
    ["other hit", svg("rect", { x: 0, y: 2, width: 16, height: 10, fill: INK.other, stroke: "#4b5565" })],
    ["drift circle", svg("circle", { cx: 8, cy: 7, r: 6, fill: "none", stroke: INK.circle, "stroke-width": 1.4 })],
    ["passage; hollow: the other side", svg("circle", { cx: 8, cy: 7, r: 3, fill: INK.circle })],
    ["segment", svg("line", { x1: 0, y1: 7, x2: 16, y2: 7, stroke: INK.segment, "stroke-width": 1.8 })],
    ["track", svg("line", { x1: 0, y1: 7, x2: 16, y2: 7, stroke: INK.track, "stroke-width": 1.8, "stroke-dasharray": "7 5" })],
  ];
  let x = 0;
  return marks.map(([text, mark]) => {
    const group = svg("g", { transform: `translate(${x} ${y})` }, mark, label(22, 11, text));
    x += 44 + 6.6 * text.length;
    return group;
  });
}

/** Return an SVG of time against place for a detector without geometry. */
export function drawTimes(display) {
  const words = display.event.words.filter((word) => word.hit);
  const places = display.shape?.element ?? [];
  const named = (word, names) => names.map((name) => word.values[name]).join(" / ") || `link ${word.link}`;
  const fine = new Set(words.map((word) => named(word, places))).size <= MOST_LINES;
  const shown = fine ? places : places.slice(0, 1);
  const names = [...new Set(words.map((word) => named(word, shown)))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const times = words.length ? words.map((word) => word.tNs) : [0];
  const margin = 0.05 * (Math.max(...times) - Math.min(...times)) || 1;
  const [first, last] = [Math.min(...times) - margin, Math.max(...times) + margin];
  const step = Math.max(4, Math.min(18, 640 / Math.max(1, names.length)));
  const [left, width, height] = [150, 1080, Math.max(60, names.length * step)];
  const at = (t) => left + ((t - first) / (last - first)) * width;
  const every = Math.ceil(13 / step);
  const ticks = Array.from({ length: 6 }, (_, n) => first + (n * (last - first)) / 5);
  return svg("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${left + width + 30} ${height + 56}`, class: "event", "font-family": "sans-serif", "font-size": 12 },
    svg("rect", { x: 0, y: 0, width: left + width + 30, height: height + 56, fill: "#ffffff" }),
    names.map((name, n) => n % every ? null : [label(left - 8, 14 + n * step, name, "end"),
      svg("line", { x1: left, x2: left + width, y1: 10 + n * step, y2: 10 + n * step, stroke: "#e6eaf0" })]),
    ticks.map((t) => [svg("line", { x1: at(t), x2: at(t), y1: 2, y2: height + 12, stroke: "#e6eaf0" }), label(at(t), height + 28, t.toFixed(last - first < 50 ? 1 : 0), "middle")]),
    words.map((word) => svg("circle", { cx: at(word.tNs), cy: 10 + names.indexOf(named(word, shown)) * step, r: 4, fill: INK.circle, "fill-opacity": 0.7 },
      svg("title", {}, `${named(word, places)}: ${word.tNs.toFixed(1)} ns`))),
    label(left + width / 2, height + 48, "ns since the event's begin", "middle"), label(left - 8, height + 48, shown.join(" / ") || "link", "end"));
}

/** Return the drawing that fits the detector. */
export function drawEvent(display, detector) {
  const axes = detector.shape?.positionMm.length ?? 0;
  if (axes === 3) {
    const { drawing, buttons } = drawSpace(display, detector);
    return el("div", { class: "drawing" }, asPicture(drawing), buttons);
  }
  return el("div", { class: "drawing" }, asPicture(axes === 2 && detector.elements.length ? drawPlanes(display, detector) : drawTimes(display)));
}

function asPicture(drawing) {
  drawing.setAttribute("role", "img");
  drawing.setAttribute("aria-label", "The event's hits and what was found in them");
  return drawing;
}
