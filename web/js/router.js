/**
 * Which page is shown. Addresses are real ones (`/account/login`), so that links, reload and the back button work.
 */

/** The pages' common beginning: the directory above this one's. */
const HOME = new URL('../', import.meta.url);

/** @type {() => void} */
let show = () => {};

/** Tells what shows the page of the present address. @param {() => void} shower */
export function onNavigation(shower) {
  show = shower;
  addEventListener('popstate', show);
  // A second mail's link differs from the first one's in its fragment only, and loads nothing.
  addEventListener('hashchange', show);
}

/** Returns the name of the present page. */
export function here() {
  return location.pathname.slice(HOME.pathname.length);
}

/** Returns a page's address. @param {string} page */
export function href(page) {
  return new URL(page || '.', HOME).pathname;
}

/** Goes to a page. @param {string} page @param {{replace?: boolean}} [how] */
export function go(page, { replace = false } = {}) {
  if (replace) history.replaceState(null, '', href(page));
  else history.pushState(null, '', href(page));
  show();
}

/** Shows the present page anew. */
export function again() {
  show();
}

/**
 * Follows our own links without loading a document, as long as the person wants no other tab.
 * @param {MouseEvent} event
 */
export function follow(event) {
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  const modified = event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
  if (!link || modified || link.target || link.hasAttribute('download') || link.hash) return;
  if (link.origin !== HOME.origin || !link.pathname.startsWith(HOME.pathname)) return;
  event.preventDefault();
  go(link.pathname.slice(HOME.pathname.length));
}
