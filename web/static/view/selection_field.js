/** A line for a selection: checked while one types, its mistake marked, its columns offered. */

import { ApiError } from "../api/ask.js";
import { el, fill } from "./dom.js";

const PAUSE_MS = 200;
const MOST_OFFERED = 8;
const WORD = /[A-Za-z_]\w*$/;
let count = 0;

/**
 * Return a field: its element, `value()`, `set(text)` and `focus()`.
 * @param {{label: string, value?: string, placeholder?: string, entered?: (text: string) => void,
 *   check: (text: string) => Promise<{problem: string, start: number|null, stop: number|null, columns: string[]}>}} options
 */
export function selectionField({ label, value = "", placeholder = "", check, entered = null }) {
  const id = `selection-${++count}`;
  const mistake = el("output", { class: "mistake", id: `${id}-mistake`, for: id, hidden: true });
  const offers = el("ul", { class: "offers", id: `${id}-offers`, role: "listbox", "aria-label": "Columns", hidden: true });
  const input = el("input", {
    id, placeholder, spellcheck: "false", autocomplete: "off", role: "combobox", "aria-autocomplete": "list",
    "aria-expanded": "false", "aria-controls": offers.id, "aria-describedby": mistake.id,
    on: { input: typed, keydown: pressed, blur: () => setTimeout(close, 150), change: () => entered?.(text()) },
  });
  input.value = value;
  const element = el("div", { class: "field selection" }, el("label", { for: id }, label), input, offers, mistake);
  let columns = [];
  let timer = 0;
  let asked = 0;
  let at = -1;
  const text = () => input.value.trim();
  look();

  function typed() {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE_MS);
    offer();
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

  function offer() {
    const begun = input.value.slice(0, input.selectionStart).match(WORD)?.[0] ?? "";
    const found = begun ? columns.filter((name) => name.startsWith(begun) && name !== begun).slice(0, MOST_OFFERED) : [];
    at = -1;
    offers.hidden = !found.length;
    input.setAttribute("aria-expanded", String(found.length > 0));
    fill(offers, found.map((name, n) => el("li", { id: `${id}-${n}`, role: "option", on: { mousedown: (event) => { event.preventDefault(); take(name); } } }, name)));
    mark();
  }

  function pressed(event) {
    if (event.key === "Enter" && at < 0) entered?.(text());
    if (offers.hidden) return;
    const names = [...offers.children].map((each) => each.textContent);
    if (event.key === "ArrowDown") at = (at + 1) % names.length;
    else if (event.key === "ArrowUp") at = at > 0 ? at - 1 : names.length - 1;
    else if (event.key === "Enter" && at >= 0) take(names[at]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
    mark();
  }

  function mark() {
    [...offers.children].forEach((each, n) => each.setAttribute("aria-selected", String(n === at)));
    if (at >= 0) input.setAttribute("aria-activedescendant", `${id}-${at}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function take(name) {
    const place = input.selectionStart;
    const before = input.value.slice(0, place).replace(WORD, name);
    input.value = before + input.value.slice(place);
    input.setSelectionRange(before.length, before.length);
    close();
    look();
  }

  function close() {
    offers.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
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
