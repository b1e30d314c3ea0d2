/** The detector of a run: read once for each declaration, since it never changes. */

import { ask } from "../api/ask.js";

const READ = `query ($run: String) { run(which: $run) { detector { name title tickNs constants
  fields { name } columns { name } elements { channel names positionMm view }
  shape { kind element positionMm sizeMm view } } } }`;
const known = new Map();

/**
 * Return the detector of a run.
 * @param {{number: number, detector: {fingerprint: string}}} run
 */
export async function detectorOf(run, signal = undefined) {
  const key = run.detector.fingerprint;
  if (!known.has(key)) known.set(key, (await ask(READ, { run: String(run.number) }, signal)).run.detector);
  return known.get(key);
}
