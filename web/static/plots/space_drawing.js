/** Draws an event in space: modules where they are, coloured by time, to be turned; beside it height over time. */

import { el, fill, svg } from "../view/dom.js";
import { NOWHERE } from "./chambers.js";
import { shade } from "./colours.js";

const SPACE_W = 640;
const [TIME_X, TIME_W] = [740, 440];
const [WIDTH, TALL] = [1200, 616];
const [TOP, BOTTOM] = [24, 560];
const INK = { text: "#1b2430", idle: "#a4afbf", line: "#e1e6ee", edge: "#4b5565" };
const STRING_MM = 2000;
const TURN = Math.PI / 12;
const FROM_SIDE = 0.35;
const MOST_R = 15;

/**
 * Return what shows an event in a detector whose elements have three coordinates: an SVG, and buttons that turn it.
 * Hits of a module are one mark: as large as they are many, in the colour of the first.
 * @param {object} display `EventDisplay` of the API
 * @param {object} detector with elements, shape, tickNs
 */
export function drawSpace(display, detector) {
  const hits = display.event.words.filter((word) => word.hit);
  const placed = hits.filter(({ positionMm, values }) => positionMm.length === 3 && positionMm.every(Number.isFinite) && values[detector.shape.view] !== NOWHERE);
  const modules = modulesOf(placed, detector.shape);
  const idle = placesOf(detector, modules);
  const times = modules.length ? modules.map((each) => each.tNs) : [0];
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const colour = (t) => shade(last > first ? (t - first) / (last - first) : 0);
  const view = viewOf([...idle, ...modules.map((each) => each.place)]);
  const space = svg("g", {});
  const drawing = svg("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${WIDTH} ${TALL}`, class: "event space", "font-family": "sans-serif", "font-size": 12 },
    svg("rect", { x: 0, y: 0, width: WIDTH, height: TALL, fill: "#ffffff" }),
    space, heightOverTime(modules, view, first, last, colour), timeKey(first, last), told(hits.length - placed.length));
  let [yaw, pitch] = [Math.PI / 6, FROM_SIDE];
  turn(0, 0);

  function turn(byYaw, byPitch) {
    yaw += byYaw;
    pitch = Math.max(0, Math.min(Math.PI / 2, pitch + byPitch));
    fill(space, spaceOf(modules, idle, view.from(yaw, pitch), colour));
  }

  drawing.addEventListener("pointerdown", (down) => {
    if (down.button) return;
    const scale = Math.PI / drawing.clientWidth;
    let { clientX: x, clientY: y } = down;
    const moved = (event) => {
      turn((event.clientX - x) * scale * 2, (event.clientY - y) * scale);
      [x, y] = [event.clientX, event.clientY];
    };
    drawing.setPointerCapture(down.pointerId);
    drawing.addEventListener("pointermove", moved);
    drawing.addEventListener("lostpointercapture", () => drawing.removeEventListener("pointermove", moved), { once: true });
  });
  const button = (text, pressed) => el("button", { type: "button", class: "small", on: { click: pressed } }, text);
  const buttons = el("div", { class: "buttons", role: "group", "aria-label": "Turn the detector" },
    button("Turn left", () => turn(-TURN, 0)), button("Turn right", () => turn(TURN, 0)),
    button("From the side", () => turn(0, -pitch)), button("From above", () => turn(0, Math.PI / 2 - pitch)),
    el("span", { class: "hint" }, "or drag the picture"));
  return { drawing, buttons };
}

/** Return the modules that were hit: a place in mm, the first time, how many hits. */
function modulesOf(hits, shape) {
  const named = shape.element[0];
  const found = new Map();
  for (const { values, positionMm, tNs } of hits) {
    const name = values[named];
    if (!found.has(name)) found.set(name, { name, place: positionMm, tNs, n: 0, text: "" });
    const module = found.get(name);
    module.n += 1;
    module.tNs = Math.min(module.tNs, tNs);
  }
  for (const module of found.values()) {
    module.text = `${named} ${module.name}: ${module.n} ${module.n === 1 ? "hit" : "hits"}, the first at ${module.tNs.toFixed(1)} ns`;
  }
  return [...found.values()];
}

/** Return where modules without a hit are, one place each. */
function placesOf(detector, modules) {
  const named = detector.shape.element[0];
  const hit = new Set(modules.map((each) => each.name));
  const places = new Map(detector.elements.map((each) => [each.names[named], each.positionMm]));
  return [...places].filter(([name]) => !hit.has(name)).map(([, place]) => place);
}

/** Return how places of the detector fall on the paper, seen from somewhere, and what heights there are. */
function viewOf(places) {
  const of = places.length ? places : [[0, 0, 0]];
  const range = (axis) => of.reduce(([low, high], place) => [Math.min(low, place[axis]), Math.max(high, place[axis])], [Infinity, -Infinity]);
  const ranges = [0, 1, 2].map(range);
  const middle = ranges.map(([low, high]) => (low + high) / 2);
  const radius = Math.hypot(...ranges.map(([low, high]) => (high - low) / 2)) || 1;
  const scale = (Math.min(SPACE_W, BOTTOM - TOP) / 2 - MOST_R) / radius;
  const from = (yaw, pitch) => (place) => {
    const [x, y, z] = place.map((at, axis) => (at - middle[axis]) * scale);
    const [across, away] = [x * Math.cos(yaw) + y * Math.sin(yaw), y * Math.cos(yaw) - x * Math.sin(yaw)];
    return {
      x: SPACE_W / 2 + across,
      y: (TOP + BOTTOM) / 2 - (z * Math.cos(pitch) + away * Math.sin(pitch)),
      away: away * Math.cos(pitch) - z * Math.sin(pitch),
    };
  };
  return { from, ranges };
}

function spaceOf(modules, idle, at, colour) {
  const marks = modules.map((module) => ({ module, ...at(module.place) })).sort((a, b) => b.away - a.away);
  return [
    stringsOf([...idle, ...modules.map((each) => each.place)]).map(([low, high]) => {
      const [a, b] = [at(low), at(high)];
      return svg("line", { x1: a.x, y1: a.y, x2: b.x, y2: b.y, stroke: INK.line, "stroke-width": 1 });
    }),
    svg("path", { d: idle.map(at).map(({ x, y }) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join(""), stroke: INK.idle, "stroke-width": 4.5, "stroke-linecap": "round" }),
    marks.map(({ module, x, y }) => svg("circle", { cx: x, cy: y, r: radius(module.n), fill: colour(module.tNs), "fill-opacity": 0.9, stroke: INK.edge, "stroke-width": 0.8 },
      svg("title", {}, module.text))),
    axes(at),
  ];
}

/** Return the lowest and the highest place of those that hang above each other. */
function stringsOf(places) {
  const strings = new Map();
  for (const place of places) {
    const key = `${Math.round(place[0] / STRING_MM)} ${Math.round(place[1] / STRING_MM)}`;
    const [low, high] = strings.get(key) ?? [place, place];
    strings.set(key, [place[2] < low[2] ? place : low, place[2] > high[2] ? place : high]);
  }
  return [...strings.values()].filter(([low, high]) => low !== high);
}

/** Return three arrows in a corner that say which way is which. */
function axes(at) {
  const origin = at([0, 0, 0]);
  const unit = [[1, 0, 0], [0, 1, 0], [0, 0, 1]].map((way) => at(way.map((each) => each * 1e6)));
  const size = Math.max(...unit.map(({ x, y, away }) => Math.hypot(x - origin.x, y - origin.y, away - origin.away)));
  return unit.map(({ x, y }, axis) => {
    const [dx, dy] = [((x - origin.x) / size) * 34, ((y - origin.y) / size) * 34];
    return [svg("line", { x1: 46, y1: BOTTOM - 26, x2: 46 + dx, y2: BOTTOM - 26 + dy, stroke: INK.edge }),
      svg("text", { x: 46 + dx * 1.35 - 4, y: BOTTOM - 22 + dy * 1.35, fill: INK.text }, "xyz"[axis])];
  });
}

function heightOverTime(modules, { ranges }, first, last, colour) {
  const [low, high] = ranges[2].map((z) => z / 1000);
  const margin = { t: 0.05 * (last - first) || 1, z: 0.05 * (high - low) || 1 };
  const scale = (from, to, begin, end) => (value) => begin + ((value - from) / (to - from)) * (end - begin);
  const x = scale(first - margin.t, last + margin.t, TIME_X, TIME_X + TIME_W);
  const y = scale(low - margin.z, high + margin.z, BOTTOM, TOP);
  return svg("g", {},
    ticks(first, last).map((t) => [svg("line", { x1: x(t), x2: x(t), y1: TOP, y2: BOTTOM, stroke: INK.line }), label(x(t), BOTTOM + 16, number(t), "middle")]),
    ticks(low, high).map((z) => [svg("line", { x1: TIME_X, x2: TIME_X + TIME_W, y1: y(z), y2: y(z), stroke: INK.line }), label(TIME_X - 6, y(z) + 4, number(z), "end")]),
    svg("rect", { x: TIME_X, y: TOP, width: TIME_W, height: BOTTOM - TOP, fill: "none", stroke: INK.idle }),
    modules.map((module) => svg("circle", { cx: x(module.tNs), cy: y(module.place[2] / 1000), r: radius(module.n), fill: colour(module.tNs), "fill-opacity": 0.9, stroke: INK.edge, "stroke-width": 0.8 },
      svg("title", {}, module.text))),
    label(TIME_X, TOP - 8, "height z (m) over the time of a module's first hit"),
    label(TIME_X + TIME_W / 2, BOTTOM + 34, "ns since the event's begin", "middle"));
}

function timeKey(first, last) {
  const [x, y, width] = [40, BOTTOM + 22, 260];
  return svg("g", { "shape-rendering": "crispEdges" },
    Array.from({ length: 52 }, (_, k) => svg("rect", { x: x + 5 * k, y, width: 5.2, height: 10, fill: shade(k / 51) })),
    label(x, y + 25, `${number(first)} ns`), label(x + width, y + 25, `${number(last)} ns`, "end"),
    label(x + width + 16, y + 10, "first hit of a module; larger: more hits; grey: none"));
}

function told(nowhere) {
  return nowhere ? label(40, TOP - 8, `${nowhere.toLocaleString("en")} hits are of elements whose place nobody declared: they are not drawn.`) : null;
}

function radius(n) {
  return Math.min(MOST_R, 3.5 + 2 * Math.sqrt(n));
}

/** Return about five round numbers in a range. */
function ticks(low, high) {
  const rough = (high - low) / 5 || 1;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * size).find((each) => each >= rough);
  const begin = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - begin + 1 }, (_, n) => (begin + n) * step);
}

function number(value) {
  return value.toLocaleString("en", { maximumFractionDigits: 1 });
}

function label(x, y, text, anchor = "start") {
  return svg("text", { x, y, fill: INK.text, "text-anchor": anchor }, text);
}
