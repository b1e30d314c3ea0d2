/** A box with a heading, what it shows, and how old that is. */

import { el, fill } from "./dom.js";
import { length } from "./format.js";

const STALE_S = 2.5;
const TICK_MS = 250;
const stamps = new Set();

setInterval(() => {
  for (const stamp of stamps) {
    if (stamp.mark.isConnected) stamp.draw();
    else if (stamp.seen) stamps.delete(stamp);
    stamp.seen ||= stamp.mark.isConnected;
  }
}, TICK_MS);

/**
 * Return a panel: its element, `show(...children)`, `fresh()` for "this is of now", and `fail(text)`.
 * @param {string} title
 * @param {{wide?: string, aged?: boolean, tools?: Node[]}} options `wide`: a class for its width
 */
export function panel(title, { wide = "", aged = false, tools = [] } = {}) {
  const body = el("div", { class: "body" });
  const problem = el("p", { class: "problem", role: "status", hidden: true });
  const age = aged ? ageMark() : null;
  const head = el("header", {}, el("h2", {}, title), el("div", { class: "tools" }, tools, age?.mark));
  const element = el("section", { class: `panel ${wide}`, "aria-label": title }, head, problem, body);
  return {
    element,
    body,
    show: (...children) => fill(body, ...children),
    fresh: () => age?.fresh(),
    fail: (text) => {
      problem.hidden = !text;
      problem.textContent = text;
    },
  };
}

/** Return a mark that tells how old something is; `fresh()` says that it is of this moment. */
export function ageMark() {
  const mark = el("span", { class: "age" });
  let at = null;
  const stamp = {
    mark,
    seen: false,
    draw() {
      const s = at === null ? null : (performance.now() - at) / 1000;
      mark.classList.toggle("stale", s !== null && s > STALE_S);
      const text = s === null ? "" : s > STALE_S ? `${length(s)} old` : "now";
      if (mark.textContent !== text) mark.textContent = text;
    },
  };
  stamps.add(stamp);
  return { mark, fresh: () => { at = performance.now(); stamp.draw(); } };
}
