/** Counts of two columns in cells, as a picture on a canvas; a click leads to a cell. */

import { el, fill } from "../view/dom.js";
import { digits, whole } from "../view/format.js";
import { shade } from "./colours.js";

const HEIGHT = 260;

/**
 * Return a picture: its element, and `set(names, counted)`.
 * @param {{label: string, clicked: (x: [number, number], y: [number, number]) => void}} options
 *   `clicked` gets the ends of the cell along both axes
 */
export function heatMap({ label, clicked }) {
  const canvas = el("canvas", { class: "heat", role: "img", "aria-label": label, height: HEIGHT, on: { mousemove: point, mouseleave: leave, click } });
  const said = el("p", { class: "hint figures-line" }, " ");
  const ends = { left: el("span"), x: el("span"), right: el("span"), top: el("span"), y: el("span"), bottom: el("span") };
  const element = el("div", { class: "heat-frame" },
    el("div", { class: "heat-y" }, ends.top, ends.y, ends.bottom), canvas,
    el("div", { class: "heat-x" }, ends.left, ends.x, ends.right), said);
  let shown = null;
  let names = ["", ""];

  function set(given, counted) {
    names = given;
    shown = counted;
    const { x, y, counts, outside } = counted;
    canvas.width = x.bins;
    canvas.height = y.bins;
    const most = Math.max(1, ...counts);
    const paint = canvas.getContext("2d");
    paint.clearRect(0, 0, x.bins, y.bins);
    counts.forEach((n, k) => {
      if (!n) return;
      paint.fillStyle = shade(Math.log1p(n) / Math.log1p(most));
      paint.fillRect(k % x.bins, y.bins - 1 - Math.floor(k / x.bins), 1, 1);
    });
    fill(ends.left, digits(x.low));
    fill(ends.x, names[0]);
    fill(ends.right, digits(x.high));
    fill(ends.top, digits(y.high));
    fill(ends.y, names[1]);
    fill(ends.bottom, digits(y.low));
    leave();
    said.textContent = `${whole(counts.reduce((a, b) => a + b, 0))} in cells of up to ${whole(most)}, shaded by their logarithm${outside ? `; ${whole(outside)} beyond the axes` : ""}`;
  }

  function cellAt(event) {
    const frame = canvas.getBoundingClientRect();
    const { x, y } = shown;
    const i = Math.max(0, Math.min(x.bins - 1, Math.floor(((event.clientX - frame.left) / frame.width) * x.bins)));
    const j = Math.max(0, Math.min(y.bins - 1, Math.floor((1 - (event.clientY - frame.top) / frame.height) * y.bins)));
    /** @returns {[number, number]} */
    const side = (axis, n) => [axis.low + ((axis.high - axis.low) * n) / axis.bins, axis.low + ((axis.high - axis.low) * (n + 1)) / axis.bins];
    return { x: side(x, i), y: side(y, j), n: shown.counts[j * x.bins + i] };
  }

  function point(event) {
    if (!shown) return;
    const { x, y, n } = cellAt(event);
    said.textContent = `${names[0]} ${digits(x[0])} to ${digits(x[1])}, ${names[1]} ${digits(y[0])} to ${digits(y[1])}: ${whole(n)}`;
  }

  function leave() {
    said.textContent = " ";
  }

  function click(event) {
    if (!shown) return;
    const { x, y } = cellAt(event);
    clicked(x, y);
  }

  return { element, set };
}
