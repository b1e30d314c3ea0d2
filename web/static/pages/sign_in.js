/** Asks for a token. */

import { signIn } from "../api/session.js";
import { el, fill } from "../view/dom.js";

/**
 * Show the form in a place. @param {Element} root @param {string} why @param {() => void} done
 */
export function open(root, why, done) {
  const text = el("input", { type: "password", autocomplete: "off", required: true, id: "token" });
  const taken = (event) => {
    event.preventDefault();
    signIn(text.value);
    done();
  };
  fill(root, el("main", { class: "sign-in" }, el("section", { class: "panel" },
    el("header", {}, el("h1", {}, "everyhit")),
    el("div", { class: "body" },
      why && el("p", { class: "notice", role: "alert" }, why),
      el("form", { on: { submit: taken } },
        el("label", { class: "field", for: "token" }, el("span", {}, "Your token"), text),
        el("button", { class: "main" }, "Sign in"),
        el("p", { class: "hint" }, "The server prints an address with a token when it starts. An admin makes others: ",
          el("code", {}, "everyhit token create NAME --role shifter")))))));
  document.title = "Sign in · everyhit";
  text.focus();
  return () => {};
}
