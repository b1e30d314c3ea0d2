/** Colours of a program's text: SQL or Python, as spans of text, and the place of a mistake. */

import { el } from "./dom.js";

const WORDS = {
  SQL: "select from where with as and or not in between order by group having over partition range rows current row following preceding unbounded join left inner on using array limit window case when then else end asc desc distinct union all null is",
  PYTHON: "def return import from as if else elif for in not and or is None True False lambda with class while try except raise yield pass break continue",
};
const PARTS = {
  SQL: /(--[^\n]*|\/\*[\s\S]*?\*\/)|('(?:[^'\\\n]|\\.)*'?)|(\b\d[\w.]*)|(\b[A-Za-z_]\w*)|(\{[^}\n]*\})/g,
  PYTHON: /(#[^\n]*)|("""[\s\S]*?"""|"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?)|(\b\d[\w.]*)|([A-Za-z_]\w*)|(@[\w.]+)/g,
};

/**
 * Return a text as nodes.
 * @param {string} text
 * @param {"SQL"|"PYTHON"} kind
 * @param {{line: number, column: number}[]} mistakes counted from 1
 */
export function coloured(text, kind, mistakes = []) {
  const nodes = [];
  const wanted = new Set(WORDS[kind].split(" "));
  const at = mistakes.map(({ line, column }) => offsetOf(text, line, column));
  let done = 0;
  for (const found of text.matchAll(PARTS[kind])) {
    const [part, remark, string, numeral, word, other] = found;
    const name = remark ? "remark" : string ? "string" : numeral ? "numeral" : other ? "string"
      : wanted.has(kind === "SQL" ? word.toLowerCase() : word) ? "keyword" : null;
    push(text.slice(done, found.index), null, done);
    push(part, name, found.index);
    done = found.index + part.length;
  }
  push(text.slice(done), null, done);
  return nodes;

  function push(part, name, from) {
    if (!part) return;
    const wrong = at.find((place) => place >= from && place < from + part.length);
    if (wrong === undefined) nodes.push(name ? el("span", { class: name }, part) : part);
    else if (name) nodes.push(el("mark", { class: name }, part));
    else nodes.push(part.slice(0, wrong - from), el("mark", {}, part.slice(wrong - from).match(/^(\w+|\s*\S|\s+)/)[0]), part.slice(wrong - from).replace(/^(\w+|\s*\S|\s+)/, ""));
  }
}

function offsetOf(text, line, column) {
  const lines = text.split("\n");
  const before = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  return Math.min(before + Math.max(0, column - 1), Math.max(0, text.length - 1));
}
