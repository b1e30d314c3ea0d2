/** A text that one edits, with colours, marks and names offered: a plain field over a coloured copy of itself. */

import { completion } from "./completion.js";
import { el, fill } from "./dom.js";
import { coloured } from "./source_colours.js";

/**
 * Return an editor: its element, `value()`, `set(text)`, `offer(names)` and `mark(mistakes)`.
 * @param {{label: string, typed: (text: string) => void}} options
 */
export function sourceEditor({ label, typed }) {
  const copy = el("pre", { class: "copy", "aria-hidden": "true" });
  const text = el("textarea", { class: "code", spellcheck: "false", "aria-label": label, rows: 18, wrap: "off", on: { input: written, scroll: follow, keydown: pressed } });
  const names = completion(text, "editor-offers", changed);
  const element = el("div", { class: "editor source" }, copy, text, names.element);
  let mistakes = [];
  let offered = [];

  function written() {
    changed();
    names.offer(offered);
    placeOffers();
  }

  function changed() {
    mistakes = [];
    draw();
    typed(text.value);
  }

  function draw() {
    fill(copy, coloured(text.value, "SQL", mistakes), "\n");
    follow();
  }

  function follow() {
    copy.scrollTop = text.scrollTop;
    copy.scrollLeft = text.scrollLeft;
  }

  /** Put the list under the caret: lines are not wrapped, letters are equally wide. */
  function placeOffers() {
    const lines = text.value.slice(0, text.selectionStart).split("\n");
    const own = getComputedStyle(text);
    const left = parseFloat(own.paddingLeft) - text.scrollLeft;
    const top = parseFloat(own.paddingTop) + lines.length * parseFloat(own.lineHeight) - text.scrollTop;
    names.element.style.left = `calc(${left}px + ${lines.at(-1).length}ch)`;
    names.element.style.top = `${top}px`;
  }

  /** Ctrl-] puts two spaces; Tab leaves the field, as everywhere. */
  function pressed(event) {
    if (names.pressed(event) || event.key !== "]" || !event.ctrlKey) return;
    event.preventDefault();
    text.setRangeText("  ", text.selectionStart, text.selectionEnd, "end");
    changed();
  }

  return {
    element,
    value: () => text.value,
    set: (given) => {
      text.value = given;
      mistakes = [];
      draw();
    },
    offer: (given) => {
      offered = given;
    },
    mark: (found) => {
      mistakes = found;
      draw();
    },
    goTo: ({ line, column }) => {
      const before = text.value.split("\n").slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
      text.focus();
      text.setSelectionRange(before + column - 1, before + column - 1);
    },
  };
}
