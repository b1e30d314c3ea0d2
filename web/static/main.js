/** The frame around the pages: signs people in, shows the page that the address names. */

import { ask } from "./api/ask.js";
import { hangUp, listen, silentFor } from "./api/listen.js";
import { onOtherTab, onSignOut, signOut, takeRefusalFromAddress, takeTokenFromAddress } from "./api/session.js";
import { addressOf, place } from "./view/address.js";
import { el, fill } from "./view/dom.js";
import { length } from "./view/format.js";
import * as events from "./pages/events.js";
import * as live from "./pages/live.js";
import * as reprocess from "./pages/reprocess.js";
import * as runs from "./pages/runs.js";
import * as store from "./pages/store.js";
import * as triggers from "./pages/triggers.js";
import * as signIn from "./pages/sign_in.js";

const PAGES = { live, runs, events, triggers, reprocess, store };
const SILENCE_MS = 250;
const AGAIN_MS = 1000;
/** Listened to on every page: by its silence one knows that the line is cut. */
const ALIVE = "subscription { runState { number } }";

let close = () => {};
let me = null;
let reason = "";
let opened = 0;

takeTokenFromAddress();
reason = takeRefusalFromAddress();
onSignOut((why) => {
  reason = why;
  forget();
  open();
});
addEventListener("hashchange", () => {
  if (takeTokenFromAddress()) forget(); // another token may be somebody else's
  open();
});
onOtherTab(() => {
  forget();
  open();
});
document.documentElement.dataset.theme = localStorage.getItem("everyhit theme") ?? "";
open();

async function open() {
  const own = ++opened;
  close();
  close = () => {};
  try {
    if (!me) {
      ({ me } = await ask("{ me { name role may } }"));
      listen(ALIVE, {}, () => {});
    }
  } catch (fault) {
    if (own !== opened) return;
    if (fault.code !== "access") {
      const waiting = el("p", { class: "notice", role: "alert" }, `${fault.message} Trying again.`);
      fill(document.body, el("main", { class: "sign-in" }, waiting));
      setTimeout(() => own === opened && open(), AGAIN_MS);
      return;
    }
    close = signIn.open(document.body, reason, () => open());
    reason = "";
    return;
  }
  if (own !== opened) return;
  const { page, params } = place();
  const shown = PAGES[page] ?? PAGES.live;
  const main = el("main", { id: "main", tabindex: -1 });
  fill(document.body, el("a", { class: "skip", href: "#main", on: { click: skip } }, "Skip to the page"), bar(page), cutMark(), main);
  document.title = `${shown.title} · everyhit`;
  close = shown.open(main, params, me);
}

function forget() {
  me = null;
  hangUp();
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function bar(page) {
  const links = Object.entries(PAGES).map(([name, { title }]) =>
    el("a", { href: addressOf(name), "aria-current": name === page ? "page" : null }, title));
  return el("header", { class: "top" },
    el("a", { class: "name", href: addressOf("live") }, "everyhit"),
    el("nav", { "aria-label": "Pages" }, links),
    el("div", { class: "who" },
      el("span", {}, `${me.name}, ${me.role.toLowerCase()}`),
      el("button", { class: "small", on: { click: turn } }, "Light or dark"),
      el("button", { class: "small", on: { click: () => signOut("") } }, "Sign out")));
}

function turn() {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark"
    || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("everyhit theme", document.documentElement.dataset.theme);
  document.dispatchEvent(new Event("theme"));
}

function cutMark() {
  const mark = el("p", { class: "cut", role: "alert", hidden: true });
  const timer = setInterval(() => {
    if (!mark.isConnected) return clearInterval(timer);
    const s = silentFor();
    mark.hidden = s < 1.5;
    if (!mark.hidden) mark.textContent = `No sign of the server for ${length(s)}: what you see is old. Trying again.`;
  }, SILENCE_MS);
  return mark;
}
