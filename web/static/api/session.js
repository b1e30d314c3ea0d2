/** Who is signed in: the token that every request brings, kept in this browser until one signs out. */

const KEPT = "everyhit token";
const LEFT = "everyhit view";
const watchers = new Set();

/** Return the token, or null when nobody is signed in. */
export function token() {
  return localStorage.getItem(KEPT);
}

/**
 * Keep a token for the requests from now on.
 * @param {string} text
 */
export function signIn(text) {
  localStorage.setItem(KEPT, text.trim());
}

/**
 * Forget the token, and tell those who watch why.
 * @param {string} why a sentence, or ""
 */
export function signOut(why = "") {
  localStorage.removeItem(KEPT);
  for (const watch of watchers) watch(why);
}

/** Call a function with a sentence whenever the token is given up. */
export function onSignOut(watch) {
  watchers.add(watch);
}

/** Call a function when somebody signs in in another tab of this browser. */
export function onOtherTab(watch) {
  addEventListener("storage", ({ key, oldValue, newValue }) => {
    if (key === KEPT && newValue !== null && newValue !== oldValue) watch();
  });
}

/** Take the token out of an address like `/#token=…`, so that nobody reads it over a shoulder; return whether there was one. */
export function takeTokenFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given === null) return false;
  signIn(given);
  history.replaceState(null, "", location.pathname + (sessionStorage.getItem(LEFT) ?? ""));
  sessionStorage.removeItem(LEFT);
  return true;
}

/** Return in a sentence why whoever went to the identity provider in this tab was refused, or "". */
export function takeRefusalFromAddress() {
  const why = new URLSearchParams(location.hash.slice(1)).get("refused");
  const left = sessionStorage.getItem(LEFT);
  if (why === null) return "";
  history.replaceState(null, "", location.pathname + (left ?? ""));
  sessionStorage.removeItem(LEFT);
  return left === null ? "" : why; // a link of somebody else says nothing here
}

/** Go to the identity provider; what is looked at now is what one comes back to. */
export function goToProvider() {
  sessionStorage.setItem(LEFT, location.hash);
  location.assign("sign-in");
}
