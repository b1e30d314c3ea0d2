/** Of answers to questions that follow each other only the last one counts. */

import { ApiError } from "../api/ask.js";

/**
 * Return a function that runs `read`, and drops what an earlier call still waits for.
 * @param {(signal: AbortSignal, ...given: any[]) => Promise<unknown>} read
 * @param {(message: string) => void} failed is told why it can't be read, and "" when it can
 */
export function latest(read, failed) {
  let last = new AbortController();
  const again = async (...given) => {
    last.abort();
    const own = (last = new AbortController());
    try {
      await read(own.signal, ...given);
      if (!own.signal.aborted) failed("");
    } catch (fault) {
      if (own.signal.aborted) return;
      if (!(fault instanceof ApiError)) throw fault;
      failed(fault.message);
    }
  };
  again.stop = () => last.abort();
  return again;
}
