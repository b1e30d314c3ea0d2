/** Questions and orders to the API, in GraphQL over HTTP. */

import { signOut, token } from "./session.js";

/** What the API refused, or why it can't be asked: one sentence, and a code. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {string} code
   */
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

/**
 * Return the data that answer a query or mutation.
 * @param {string} text
 * @param {object} variables
 * @param {AbortSignal} [signal] ends the wait; the promise then fails with an AbortError
 * @throws {ApiError}
 */
export async function ask(text, variables = {}, signal = undefined) {
  const answer = await send("graphql", JSON.stringify({ query: text, variables }), signal);
  const body = await answer.json().catch(() => null);
  if (body?.errors?.length) {
    const { message, extensions, path } = body.errors[0];
    throw new ApiError(message, extensions?.code ?? (path ? "internal" : "usage"));
  }
  if (!body?.data) throw new ApiError("The server's answer can't be read.", "away");
  return body.data;
}

/**
 * Return the bytes of an export as a Blob.
 * @param {string} address relative to the page
 */
export async function download(address) {
  return (await send(address)).blob();
}

async function send(address, body = undefined, signal = undefined) {
  const headers = { "Content-Type": "application/json" };
  if (token()) headers.Authorization = `Bearer ${token()}`;
  let answer;
  try {
    answer = await fetch(address, { method: body ? "POST" : "GET", headers, body, signal });
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    throw new ApiError("The server does not answer.", "away");
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  const message = told.message ?? `The server answers ${answer.status}.`;
  if (answer.status === 401 && token()) signOut(message);
  throw new ApiError(message, told.code ?? "away");
}
