/** The theme's colours, for what is drawn by numbers. */

/** Return the colour of the n-th series. */
export function seriesColour(n) {
  return themed(`--data-${n % 6}`);
}

/**
 * Return a colour of the theme as it is now.
 * @param {string} name a custom property, "--ink"
 */
export function themed(name) {
  // A custom property keeps its light-dark(…): what a property makes of it is a colour.
  probe ??= Object.assign(document.createElement("span"), { hidden: true });
  if (!probe.isConnected) document.body.append(probe); // each page begins with an empty body
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}
let probe = null;

// Equal steps look equal, in grey and to colour-blind eyes: blue over green to yellow.
const STEPS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

/** Return a colour for a share from 0 to 1. */
export function shade(share) {
  const at = Math.max(0, Math.min(1, share)) * (STEPS.length - 1);
  const low = Math.min(STEPS.length - 2, Math.floor(at));
  const mixed = STEPS[low].map((part, k) => Math.round(part + (at - low) * (STEPS[low + 1][k] - part)));
  return `rgb(${mixed.join(" ")})`;
}

/** Call a function when light turns to dark or back, until the signal ends. */
export function onTheme(drawn, signal) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawn, { signal });
  document.addEventListener("theme", drawn, { signal });
}
