/** Asks who one is: the identity provider knows, or a token tells. */

import { goToProvider, signIn } from "../api/session.js";
import { el, fill } from "../view/dom.js";

/**
 * Show the form in a place.
 * @param {Element} root
 * @param {string} why
 * @param {() => void} done
 */
export function open(root, why, done) {
  const text = el("input", { type: "password", autocomplete: "off", required: true, id: "token" });
  const elsewhere = el("div", {});
  const taken = (event) => {
    event.preventDefault();
    signIn(text.value);
    done();
  };
  fill(root, el("main", { class: "sign-in" }, el("section", { class: "panel" },
    el("header", {}, el("h1", {}, "everyhit")),
    el("div", { class: "body" },
      why && el("p", { class: "notice", role: "alert" }, why),
      elsewhere,
      el("form", { on: { submit: taken } },
        el("label", { class: "field", for: "token" }, el("span", {}, "Your token"), text),
        el("button", { class: "main" }, "Sign in"),
        el("p", { class: "hint" }, "The server prints an address with a token when it starts. An admin makes others: ",
          el("code", {}, "everyhit token create NAME --role shifter")))))));
  document.title = "Sign in · everyhit";
  text.focus();
  offerProvider(elsewhere);
  return () => {};
}

async function offerProvider(place) {
  const answer = await fetch("sign-in/provider").catch(() => null); // without it a token is asked for
  const name = answer?.ok ? (await answer.json()).name : null;
  if (name) fill(place, el("p", {}, el("button", { type: "button", class: "main", on: { click: goToProvider } }, `Sign in with ${name}`)), el("p", { class: "hint" }, "or with a token:"));
}
