/** A text that one edits, with colours and marks: a plain field over a coloured copy of itself. */

import { el, fill } from "./dom.js";
import { coloured } from "./source_colours.js";

/**
 * Return an editor: its element, `value()`, `set(text)`, `mark(mistakes)`.
 * @param {{label: string, typed: (text: string) => void}} options
 */
export function sourceEditor({ label, typed }) {
  const copy = el("pre", { class: "copy", "aria-hidden": "true" });
  const text = el("textarea", { class: "code", spellcheck: "false", "aria-label": label, rows: 18, wrap: "off", on: { input: changed, scroll: follow, keydown: tab } });
  const element = el("div", { class: "editor source" }, copy, text);
  let mistakes = [];

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

  /** Ctrl-] puts two spaces; Tab leaves the field, as everywhere. */
  function tab(event) {
    if (event.key !== "]" || !event.ctrlKey) return;
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
