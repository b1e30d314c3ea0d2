/** Asks before something is done, and shows what came of it. */

import { el, fill } from "./dom.js";

/**
 * Show a form; return what `done` made of it, or null when it was left.
 * @param {{title: string, text?: any, fields?: object[], action: string, danger?: boolean, done: (values: object) => Promise<any>}} what
 *   a field has name, label, and perhaps value, kind ("text", "area", "check", "choice", "several"),
 *   choices, hint; or a name and `own`, an element and a function `value` of its own
 */
export function inquire({ title, text = null, fields = [], action, danger = false, done }) {
  return new Promise((resolve) => {
    const problem = el("p", { class: "problem", role: "alert", hidden: true });
    const inputs = fields.map((field) => [field.name, field.own ?? inputOf(field)]);
    const send = el("button", { class: danger ? "danger" : "main" }, action);
    const form = el("form", { on: { submit: act } },
      text && el("div", {}, text), inputs.map(([, { element }]) => element), problem,
      el("div", { class: "buttons" }, send, el("button", { type: "button", on: { click: () => box.close() } }, "Leave it")));
    const box = el("dialog", { "aria-label": title, on: { close: () => { box.remove(); resolve(result); } } }, el("h2", {}, title), form);
    let result = null;

    async function act(event) {
      event.preventDefault();
      send.disabled = true;
      problem.hidden = true;
      try {
        result = (await done(Object.fromEntries(inputs.map(([name, { value }]) => [name, value()])))) ?? true;
        box.close();
      } catch (fault) {
        problem.hidden = false;
        fill(problem, fault.message);
      } finally {
        send.disabled = false;
      }
    }

    document.body.append(box);
    box.showModal();
  });
}

function inputOf({ label, value = "", kind = "text", choices = [], hint = "", required = false }) {
  if (kind === "check") {
    const input = el("input", { type: "checkbox", checked: Boolean(value) });
    return { element: el("label", { class: "check" }, input, label), value: () => input.checked };
  }
  if (kind === "several") {
    const boxes = choices.map((each) => el("input", { type: "checkbox", value: each, checked: value.includes(each) }));
    const element = el("fieldset", { class: "several" }, el("legend", {}, label), boxes.map((box) => el("label", { class: "check" }, box, box.value)), hint && el("small", { class: "hint" }, hint));
    return { element, value: () => boxes.filter((box) => box.checked).map((box) => box.value) };
  }
  const input = kind === "choice" ? el("select", { required }, choices.map((each) => el("option", { value: each, selected: each === value }, each)))
    : kind === "area" ? el("textarea", { rows: 3, required }) : el("input", { required });
  if (kind !== "choice") input.value = value;
  return { element: el("label", { class: "field" }, el("span", {}, label), input, hint && el("small", { class: "hint" }, hint)), value: () => input.value.trim() };
}
