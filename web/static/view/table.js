/** Tables: columns that say how they are written, rows that may lead somewhere. */

import { el } from "./dom.js";

/**
 * Return a table.
 * @param {{name: string, of: (row: object) => any, number?: boolean, title?: string}[]} columns
 * @param {object[]} rows
 * @param {{caption: string, empty?: string, pick?: (row: object) => void, picked?: (row: object) => boolean}} options
 */
export function table(columns, rows, { caption, empty = "Nothing yet.", pick = null, picked = () => false }) {
  if (!rows.length) return el("p", { class: "empty" }, empty);
  const head = columns.map((column) => el("th", { scope: "col", class: column.number ? "number" : null, title: column.title }, column.name || el("span", { class: "unseen" }, "more")));
  const lines = rows.map((row) => {
    const cells = columns.map((column) => el("td", { class: column.number ? "number" : null }, column.of(row)));
    const choose = pick && {
      click: (event) => event.target.closest("a, button") || pick(row),
      keydown: (event) => event.key === "Enter" && event.target === event.currentTarget && pick(row),
    };
    return el("tr", { class: pick ? "pick" : null, "aria-current": picked(row) ? "true" : null, tabindex: pick ? 0 : null, on: choose ?? {} }, cells);
  });
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    el("table", {}, el("caption", { class: "unseen" }, caption), el("thead", {}, el("tr", {}, head)), el("tbody", {}, lines)));
}
