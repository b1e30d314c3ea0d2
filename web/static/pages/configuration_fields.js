/** What readouts are to remove: masks, prescales and a prefilter, each a selection. */

import { el, fill } from "../view/dom.js";
import { selectionField } from "../view/selection_field.js";

/**
 * Return an element, and `value()` as the API's ConfigurationWanted.
 * @param {{masks: string[], prefilter: string, prescales: {where: string, keepOneIn: string}[]}} now
 * @param {(text: string) => Promise<object>} check tells what is wrong with a selection over hits
 */
export function configurationFields(now, check) {
  const prefilter = selectionField({ label: "Prefilter: only hits that meet it are stored", value: now.prefilter, placeholder: "empty: all hits", check });
  const masks = growing("Add a mask", now.masks, (value = "") => selectionField({ label: "Mask: hits that meet it are removed", value, placeholder: "chamber == 2 and wire == 17", check }));
  const prescales = growing("Add a prescale", now.prescales, (each = {}) => prescale(each, check));
  return {
    element: el("div", { class: "column" }, masks.element, prescales.element, prefilter.element),
    value: () => ({
      masks: masks.value().filter(Boolean),
      prescales: prescales.value().filter(({ where }) => where),
      prefilter: prefilter.value(),
    }),
  };
}

function prescale({ where = "", keepOneIn = "10" }, check) {
  const of = selectionField({ label: "Prescale: of hits that meet it", value: where, placeholder: "layer == 1", check });
  const n = el("input", { type: "number", min: 1, max: 4294967295, required: true });
  n.value = keepOneIn;
  return {
    element: el("div", { class: "fields" }, el("div", { class: "grow" }, of.element), el("label", { class: "field narrow" }, el("span", {}, "one is kept in"), n)),
    value: () => ({ where: of.value(), keepOneIn: n.value }),
  };
}

function growing(label, values, make) {
  let parts = [];
  const element = el("div", { class: "column" });
  const more = el("button", { type: "button", class: "small", on: { click: () => add().element.querySelector("input").focus() } }, label);

  function add(value) {
    const part = make(value);
    parts.push(part);
    draw();
    return part;
  }

  function draw() {
    fill(element, parts.map((part) => el("div", { class: "removable" }, part.element,
      el("button", { type: "button", class: "small", "aria-label": "Take this rule out", on: { click: () => { parts = parts.filter((each) => each !== part); draw(); } } }, "×"))),
    el("div", {}, more));
  }

  values.forEach((value) => add(value));
  draw();
  return { element, value: () => parts.map((part) => part.value()) };
}
