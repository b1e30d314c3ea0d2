/** What is looked at stands in the address: `#/events?run=3&where=…`. A link opens the same view. */

/** Return the page's name and its parameters. */
export function place() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  return { page: path || "live", params: Object.fromEntries(new URLSearchParams(query)) };
}

/** Return the address of a page; parameters that are empty are left out. */
export function addressOf(page, params = {}) {
  const kept = Object.entries(params).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const query = new URLSearchParams(kept.map(([key, value]) => [key, String(value)])).toString();
  return `#/${page}${query ? `?${query}` : ""}`;
}

/** Go to a page, so that "back" leads here again. */
export function go(page, params = {}) {
  location.hash = addressOf(page, params);
}

/** Note parameters in the address without opening the view anew; null takes one out. */
export function note(params) {
  const now = place();
  history.replaceState(null, "", addressOf(now.page, { ...now.params, ...params }));
}
