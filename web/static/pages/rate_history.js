/** The history of rates on a grid of bins, of which only what may be new is asked for. */

import { ask } from "../api/ask.js";
import { toSeconds } from "../view/format.js";

const MOST_BINS = 600;
/** After so long all is asked for anew, since words may come late. */
const AGAIN_MS = 30_000;
const RATES = `query ($run: String, $start: Moment, $stop: Moment, $bins: Int!) { run(which: $run) {
  rates(start: $start, stop: $stop, bins: $bins, by: [LINK]) { series { link hits } } } }`;

/**
 * Return a function of a run, two times in its seconds, and a signal that ends the wait; it returns
 * the columns of a plot by their names: seconds, and hits a second of each link.
 */
export function rateHistory() {
  let known = { grid: "", at: 0, first: 0, settled: 0, links: new Map() };

  return async function read(run, from, to, signal) {
    const { slice } = run.detector;
    const slices = Math.max(1, Math.ceil((to - from) / toSeconds(slice, run.tickNs) / MOST_BINS));
    const widthS = slices * toSeconds(slice, run.tickNs);
    const first = Math.floor(from / widthS);
    const stop = Math.max(first + 1, Math.ceil(to / widthS));
    const grid = `${run.number} ${slices}`;
    if (grid !== known.grid || first < known.first || performance.now() - known.at > AGAIN_MS) {
      known = { grid, at: performance.now(), first, settled: first, links: new Map() };
    }
    const begin = Math.max(first, known.settled);
    if (begin < stop) {
      const ticks = (bin) => String(BigInt(bin) * BigInt(slices) * BigInt(slice));
      const asked = { run: String(run.number), start: ticks(begin), stop: ticks(stop), bins: stop - begin };
      const { series } = (await ask(RATES, asked, signal)).run.rates;
      for (const { link, hits } of series) {
        if (!known.links.has(link)) known.links.set(link, new Map());
        hits.forEach((n, k) => known.links.get(link).set(begin + k, Number(n)));
      }
    }
    // Of what comes before every link's watermark nothing new is awaited.
    known.settled = Math.max(first, Math.min(stop, ...run.links.map((each) => Math.floor(each.watermarkS / widthS))));
    for (const hits of known.links.values()) for (const bin of hits.keys()) if (bin < first) hits.delete(bin);

    // The bin that goes on would show less than there is, or more.
    const goesOn = stop * widthS > to + widthS / 1e6;
    const bins = Array.from({ length: stop - first - (goesOn ? 1 : 0) }, (_, k) => first + k);
    const links = [...known.links.keys()].sort((a, b) => a - b);
    const rate = (hits, bin) => (hits.get(bin) ?? 0) / widthS;
    return {
      names: links.map((link) => `link ${link}`),
      columns: [bins.map((bin) => (bin + 0.5) * widthS), ...links.map((link) => bins.map((bin) => rate(known.links.get(link), bin)))],
    };
  };
}
