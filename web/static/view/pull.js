/** Asks again and again at its own pace, as long as somebody looks, never twice at once. */

import { ApiError } from "../api/ask.js";

/**
 * Call an async function at once and then every so often while the page is visible.
 * @param {number} periodMs
 * @param {(signal: AbortSignal) => Promise<unknown>} read
 * @param {(message: string) => void} failed is told why it can't be read, and "" when it can again
 * @returns {{now: () => void, stop: () => void}}
 */
export function pull(periodMs, read, failed = () => {}) {
  const ending = new AbortController();
  let timer = 0;
  let busy = false;
  let wantedAgain = false;

  async function once() {
    clearTimeout(timer);
    if (ending.signal.aborted) return;
    if (busy) {
      wantedAgain = true;
      return;
    }
    busy = true;
    const began = performance.now();
    try {
      if (!document.hidden) {
        await read(ending.signal);
        failed("");
      }
    } catch (fault) {
      if (!ending.signal.aborted) failed(fault.message);
      if (!(fault instanceof ApiError) && fault.name !== "AbortError") throw fault;
    } finally {
      busy = false;
      if (!ending.signal.aborted) timer = setTimeout(once, wantedAgain ? 0 : Math.max(0, periodMs - (performance.now() - began)));
      wantedAgain = false;
    }
  }

  document.addEventListener("visibilitychange", once, { signal: ending.signal });
  once();
  return {
    now: once,
    stop: () => {
      ending.abort();
      clearTimeout(timer);
    },
  };
}
