/** A line for each lineage: where along the run its windows are committed; a drag chooses a range. */

import { el, fill, svg } from "../view/dom.js";
import { seconds } from "../view/format.js";

const WIDTH = 1000;
const ROW = 22;

/**
 * Return a picture: its element, and `set({start, widthS, bins, lines}, range)`.
 * @param {(low: number, high: number) => void} chosen is told the ends of a drag in seconds of the run
 */
export function lineageTimeline(chosen) {
  const names = el("ul", { class: "plain lines" });
  const drawing = svg("svg", { class: "timeline", preserveAspectRatio: "none", role: "img", "aria-label": "Committed windows of each lineage over the run", on: { pointerdown: begin, pointermove: move, pointerup: end } });
  const ends = [el("span"), el("span")];
  const element = el("div", { class: "timeline-frame" }, names, el("div", {}, drawing, el("div", { class: "heat-x" }, ends)));
  let shown = null;
  let from = null;
  const mark = svg("rect", { class: "range", y: 0 });

  function set(given, range) {
    shown = given;
    const { lines, bins, start, widthS } = given;
    const tall = Math.max(1, lines.length) * ROW;
    drawing.setAttribute("viewBox", `0 0 ${WIDTH} ${tall}`);
    drawing.setAttribute("height", tall);
    mark.setAttribute("height", tall);
    const step = WIDTH / bins;
    fill(names, lines.map((each) => el("li", { title: each.title }, each.name)));
    fill(drawing, lines.map((each, n) => {
      const most = Math.max(1, ...each.windows);
      return each.windows.map((count, k) => count && svg("rect", { x: k * step, y: n * ROW + 3, width: step + 0.3, height: ROW - 6, class: each.newest ? "done newest" : "done", opacity: 0.35 + (0.65 * count) / most }));
    }), mark);
    ends[0].textContent = seconds(start, 1);
    ends[1].textContent = `${seconds(start + bins * widthS, 1)} of the run`;
    draw(range);
  }

  function draw(range) {
    const span = shown.bins * shown.widthS;
    const [low, high] = range ?? [0, 0];
    mark.setAttribute("x", Math.max(0, ((low - shown.start) / span) * WIDTH));
    mark.setAttribute("width", range ? Math.max(2, (Math.min(high - low, span) / span) * WIDTH) : 0);
  }

  function at(event) {
    const frame = drawing.getBoundingClientRect();
    const share = Math.max(0, Math.min(1, (event.clientX - frame.left) / frame.width));
    return shown.start + share * shown.bins * shown.widthS;
  }

  function begin(event) {
    from = at(event);
    drawing.setPointerCapture(event.pointerId);
  }

  function move(event) {
    if (from !== null) draw([Math.min(from, at(event)), Math.max(from, at(event))]);
  }

  function end(event) {
    const to = at(event);
    const began = from;
    from = null;
    if (began !== null && Math.abs(to - began) > (shown.bins * shown.widthS) / 200) chosen(Math.min(began, to), Math.max(began, to));
  }

  return { element, set, dragged: () => from !== null };
}
