/**
 * Subscriptions over one web socket (graphql-transport-ws). When the line is cut it is made again,
 * and every subscription goes on: of states the server tells the newest at once.
 */

import { signOut, token } from "./session.js";

const PING_MS = 700;
const SILENT_MS = 1700;
const GIVEN_UP_MS = 6000;
const WAIT_MS = [300, 600, 1200, 2400, 4000];

const wanted = new Map();
let socket = null;
let heardAt = performance.now();
let tries = 0;
let number = 0;
let ready = false;

/**
 * Listen to a subscription; return a function that ends it.
 * @param {string} text
 * @param {object} variables
 * @param {(data: object) => void} told
 * @param {(message: string) => void} failed called when the server ends it with an error
 */
export function listen(text, variables, told, failed = () => {}) {
  const id = String(++number);
  wanted.set(id, { text, variables, told, failed });
  if (ready) start(id);
  else if (!socket) connect();
  return () => {
    if (!wanted.delete(id)) return;
    if (ready) say({ id, type: "complete" });
  };
}

/** Return for how many seconds the server has given no sign; 0 while it does. */
export function silentFor() {
  if (!wanted.size || document.hidden) return 0;
  const silent = performance.now() - heardAt;
  return ready && silent < SILENT_MS ? 0 : silent / 1000;
}

/** Hang up, and forget all subscriptions. */
export function hangUp() {
  wanted.clear();
  socket?.close(1000);
}

function connect() {
  const address = new URL("graphql", document.baseURI);
  address.protocol = address.protocol.replace("http", "ws");
  const own = new WebSocket(address, "graphql-transport-ws");
  socket = own;
  const openedAt = performance.now();
  let ping = 0;
  own.onopen = () => {
    const payload = token() ? { authorization: `Bearer ${token()}` } : {};
    say({ type: "connection_init", payload });
    ping = setInterval(() => {
      // A hidden page's timers sleep: its silence means nothing.
      if (document.hidden) heardAt = performance.now();
      if (performance.now() - Math.max(heardAt, openedAt) > GIVEN_UP_MS) own.close();
      else say({ type: "ping" });
    }, PING_MS);
  };
  own.onmessage = (event) => {
    heardAt = performance.now();
    take(JSON.parse(event.data));
  };
  own.onclose = (event) => {
    clearInterval(ping);
    if (socket !== own) return;
    socket = null;
    ready = false;
    if (event.code === 4403 || event.code === 4401) {
      wanted.clear();
      signOut("The server does not take this token any more: sign in again.");
    }
    if (wanted.size) setTimeout(again, WAIT_MS[Math.min(tries++, WAIT_MS.length - 1)]);
  };
}

function again() {
  if (!socket && wanted.size) connect();
}

function take(message) {
  const of = wanted.get(message.id);
  if (message.type === "connection_ack") {
    ready = true;
    tries = 0;
    for (const id of wanted.keys()) start(id);
  } else if (message.type === "ping") {
    say({ type: "pong" });
  } else if (message.type === "next" && of) {
    if (message.payload.data) of.told(message.payload.data);
    else fail(message.id, message.payload.errors);
  } else if (message.type === "error" && of) {
    fail(message.id, message.payload);
  }
}

function fail(id, errors) {
  const { failed } = wanted.get(id);
  wanted.delete(id);
  const { message, extensions } = errors[0];
  if (extensions?.code === "access") signOut(message);
  else failed(message);
}

function start(id) {
  const { text, variables } = wanted.get(id);
  say({ id, type: "subscribe", payload: { query: text, variables } });
}

function say(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}
