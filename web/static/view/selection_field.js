/** A line for a selection: checked while one types, its mistake marked, its columns offered. */

import { ApiError } from "../api/ask.js";
import { completion } from "./completion.js";
import { el, fill } from "./dom.js";

const PAUSE_MS = 200;
let count = 0;

/**
 * Return a field: its element, `value()`, `set(text)` and `focus()`.
 * @param {{label: string, value?: string, placeholder?: string, entered?: (text: string) => void,
 *   check: (text: string) => Promise<{problem: string, start: number|null, stop: number|null, columns: string[]}>}} options
 */
export function selectionField({ label, value = "", placeholder = "", check, entered = null }) {
  const id = `selection-${++count}`;
  const mistake = el("output", { class: "mistake", id: `${id}-mistake`, for: id, hidden: true });
  const input = el("input", {
    id, placeholder, spellcheck: "false", autocomplete: "off", "aria-describedby": mistake.id,
    on: { input: typed, keydown: pressed, change: () => entered?.(text()) },
  });
  const names = completion(input, `${id}-offers`, look);
  input.value = value;
  const element = el("div", { class: "field selection" }, el("label", { for: id }, label), input, names.element, mistake);
  let columns = [];
  let timer = 0;
  let asked = 0;
  const text = () => input.value.trim();
  look();

  function typed() {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE_MS);
    names.offer(columns);
  }

  async function look() {
    const own = ++asked;
    const of = input.value;
    try {
      const found = await check(of);
      if (own !== asked) return;
      columns = found.columns;
      show(of, found);
    } catch (fault) {
      if (!(fault instanceof ApiError)) throw fault;
      if (own === asked) show(of, { problem: fault.message, start: null, stop: null });
    }
  }

  function show(of, { problem, start, stop }) {
    mistake.hidden = !problem;
    input.setAttribute("aria-invalid", String(Boolean(problem)));
    fill(mistake, problem && start !== null && el("code", {}, of.slice(0, start), el("mark", {}, of.slice(start, Math.max(stop, start + 1)) || " "), of.slice(Math.max(stop, start + 1))),
      problem && el("span", {}, problem));
  }

  function pressed(event) {
    if (!names.pressed(event) && event.key === "Enter") entered?.(text());
  }

  return {
    element,
    value: text,
    focus: () => input.focus(),
    set: (given) => {
      input.value = given;
      look();
    },
  };
}
