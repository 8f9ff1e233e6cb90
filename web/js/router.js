/**
 * Which page is shown. Each page has a URL (`/account/login`), so that links, reloads and the back button work.
 */

/** The common prefix of the pages' URLs, `/account/` or `/console/`: the directory above that of this file. */
const HOME = new URL('../', import.meta.url);

/** @type {() => void | Promise<void>} */
let show = () => {};

/** Sets the function that shows the page of the current URL. @param {() => void | Promise<void>} shower */
export function onNavigation(shower) {
  show = shower;
  addEventListener('popstate', show);
  // The link of a second mail differs from the first only in its fragment, so the browser loads no document.
  addEventListener('hashchange', show);
}

/** Returns the name of the current page, or the whole path of a document elsewhere, which has no page. */
export function here() {
  const { pathname } = location;
  return pathname.startsWith(HOME.pathname) ? pathname.slice(HOME.pathname.length) : pathname;
}

/** Returns the path of a page, with the query if it has one. @param {string} page */
export function href(page) {
  const { pathname, search } = new URL(page || '.', HOME);
  return pathname + search;
}

/**
 * Goes to a page. The browser loads one of the others: `../console/` is the console, seen from the account pages.
 * @param {string} page @param {{replace?: boolean}} [how]
 */
export function go(page, { replace = false } = {}) {
  const url = href(page);
  const isHere = url.startsWith(HOME.pathname);
  if (replace && isHere) history.replaceState(null, '', url);
  else if (replace) location.replace(url);
  else if (isHere) history.pushState(null, '', url);
  else location.assign(url);
  if (isHere) show();
}

/**
 * Shows the current page again: only if it is still this one, where the user may have gone on during a request. What they
 * have typed on another page must not be lost.
 * @param {string} [page]
 */
export async function again(page = here()) {
  if (page === here()) await show();
}

/**
 * Follows links between the pages without loading a document, unless the user opens them in another tab.
 * @param {MouseEvent} event
 */
export function follow(event) {
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  const modified = event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
  if (!link || modified || link.target || link.hasAttribute('download') || link.hash) return;
  if (link.origin !== HOME.origin || !link.pathname.startsWith(HOME.pathname)) return;
  event.preventDefault();
  go((link.pathname + link.search).slice(HOME.pathname.length));
}
