/** Lines over time, with zoom by drag. Drawn by uPlot, which the server takes from its package. */

import { el } from "../view/dom.js";
import { digits, withUnit } from "../view/format.js";
import { onTheme, seriesColour, themed } from "./colours.js";

const AXIS_FONT = "12px system-ui, sans-serif";

/**
 * Return a plot: its element, `set(names, columns)` and `stop()`.
 * @param {{unit: string, height?: number, label: string, zoomed?: (low: number, high: number) => void,
 *   kind?: "lines"|"steps", x?: string, clicked?: (x: number, index: number) => void}} options
 */
export function seriesPlot({ unit, height = 260, label, zoomed = null, kind = "lines", x = "s", clicked = null }) {
  const element = el("div", { class: "plot", role: "img", "aria-label": label });
  const ending = new AbortController();
  let chart = null;
  let drawn = [];
  let data = [[]];

  function make() {
    const { uPlot } = /** @type {any} */ (globalThis);
    chart?.destroy();
    const grid = { stroke: themed("--line"), width: 1 };
    const axis = { stroke: themed("--faint"), grid, ticks: grid, font: AXIS_FONT };
    const paths = kind === "steps" ? uPlot.paths.stepped({ align: 1 }) : undefined;
    const series = drawn.map((name, n) => ({
      label: name, stroke: seriesColour(n), width: 1.6, paths, points: { show: false },
      fill: kind === "steps" && drawn.length === 1 ? themed("--sunk") : undefined,
      value: (_, value) => withUnit(value, unit),
    }));
    chart = new uPlot({
      width: Math.max(200, element.clientWidth), height,
      scales: { x: { time: false }, y: { range: (_, low, high) => [0, high > 0 ? high * 1.08 : 1] } },
      axes: [
        { ...axis, space: (of, n, low, high) => Math.max(50, 9 * wide(high).length), values: (_, at) => at.map((value) => digitsOf(value, at)), label: x, labelFont: AXIS_FONT, labelSize: 22 },
        { ...axis, size: 76, values: (_, at) => at.map((value) => (value ? withUnit(value, unit) : "0")) },
      ],
      series: [{ label: x, value: (_, value) => (value === null ? "–" : digitsOf(value, [])) }, ...series],
      legend: { show: true }, cursor: { drag: { x: Boolean(zoomed), y: false, setScale: false }, points: { size: 6 }, dataIdx: place },
      hooks: { setSelect: [select] },
    }, data, element);
    if (clicked) chart.root.querySelector(".u-over").addEventListener("click", click);
  }

  function select(of) {
    if (!zoomed || of.select.width < 6) return;
    const low = of.posToVal(of.select.left, "x");
    const high = of.posToVal(of.select.left + of.select.width, "x");
    of.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    zoomed(low, high);
  }

  /** Return the place in the data of a value on the x axis: the nearest point, or the step that it lies in. */
  function place(of, series, nearest, x) {
    if (kind !== "steps" || nearest === null) return nearest;
    return Math.max(0, Math.min(data[0].length - 2, data[0][nearest] > x ? nearest - 1 : nearest));
  }

  function click() {
    const { idx, left } = chart.cursor;
    if (idx === null || idx === undefined || chart.select.width >= 6) return;
    const index = place(chart, 0, idx, chart.posToVal(left, "x"));
    clicked(data[0][index], index);
  }

  const watch = new ResizeObserver(() => chart?.setSize({ width: Math.max(200, element.clientWidth), height }));
  watch.observe(element);
  onTheme(() => chart && make(), ending.signal);
  return {
    element,
    /** Draw columns over the first of them; one name for each of the others. */
    set(names, columns) {
      data = kind === "steps" ? closed(columns) : columns;
      if (chart && names.join("\n") === drawn.join("\n")) return chart.setData(data);
      drawn = names;
      return make();
    },
    stop() {
      ending.abort();
      watch.disconnect();
      chart?.destroy();
    },
  };
}

/** Return columns of steps with an end: the last step is as wide as the others. */
function closed([x, ...columns]) {
  const last = x.length - 1;
  const width = last > 0 ? x[last] - x[last - 1] : 1;
  return x.length ? [[...x, x[last] + width], ...columns.map((each) => [...each, each[last]])] : [x, ...columns];
}

function digitsOf(value, at) {
  const step = at.length > 1 ? Math.abs(at[1] - at[0]) : 0;
  let places = 0;
  while (step && places < 9 && !isWhole(step * 10 ** places)) places += 1;
  return step ? value.toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places }) : wide(value);
}

function isWhole(value) {
  return Math.round(value) > 0 && Math.abs(value - Math.round(value)) < 1e-6;
}

function wide(value) {
  return Math.abs(value) >= 1e5 || Number.isInteger(value) ? value.toLocaleString("en", { maximumFractionDigits: 3 }) : digits(value);
}
