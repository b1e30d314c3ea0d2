/** Names that complete the word one types, taken by a click or with the arrows and Enter. */

import { el, fill } from "./dom.js";

const MOST = 8;
const WORD = /[A-Za-z_]\w*$/;

/**
 * Return a list under a field: its element, `offer(names)` for the word before the caret, `close()`, and
 * `pressed(event)`, which says whether the key was for the list.
 * @param {HTMLInputElement|HTMLTextAreaElement} field
 * @param {string} id of the list
 * @param {() => void} taken is called when a name has been put into the field
 */
export function completion(field, id, taken) {
  const element = el("ul", { class: "offers", id, role: "listbox", "aria-label": "Names", hidden: true });
  const expands = field instanceof HTMLInputElement;
  let at = -1;
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-controls", id);
  if (expands) field.setAttribute("role", "combobox");
  field.addEventListener("blur", () => setTimeout(close, 150));
  close();

  function offer(names) {
    const begun = field.value.slice(0, field.selectionStart).match(WORD)?.[0] ?? "";
    const found = begun ? names.filter((name) => name.startsWith(begun) && name !== begun).slice(0, MOST) : [];
    fill(element, found.map((name, n) => el("li", { id: `${id}-${n}`, role: "option", on: { mousedown: (event) => { event.preventDefault(); take(name); } } }, name)));
    open(found.length > 0);
  }

  function open(now) {
    at = -1;
    element.hidden = !now;
    if (expands) field.setAttribute("aria-expanded", String(now));
    mark();
  }

  function close() {
    open(false);
  }

  function pressed(event) {
    if (element.hidden) return false;
    const names = [...element.children].map((each) => each.textContent);
    if (event.key === "ArrowDown") at = (at + 1) % names.length;
    else if (event.key === "ArrowUp") at = at > 0 ? at - 1 : names.length - 1;
    else if (event.key === "Enter" && at >= 0) take(names[at]);
    else if (event.key === "Escape") close();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    mark();
    return true;
  }

  function mark() {
    [...element.children].forEach((each, n) => each.setAttribute("aria-selected", String(n === at)));
    if (at >= 0) field.setAttribute("aria-activedescendant", `${id}-${at}`);
    else field.removeAttribute("aria-activedescendant");
  }

  function take(name) {
    const place = field.selectionStart;
    const before = field.value.slice(0, place).replace(WORD, name);
    field.value = before + field.value.slice(place);
    field.setSelectionRange(before.length, before.length);
    close();
    taken();
  }

  return { element, offer, close, pressed };
}
