/**
 * What the service writes into the document about this deployment: what pages need that no user is signed in to.
 */

/** @param {string} name of a `<meta>` element */
function fact(name) {
  const element = /** @type {HTMLMetaElement | null} */ (document.querySelector(`meta[name="${name}"]`));
  return element?.content ?? '';
}

/** Returns the name of the deployment. */
export function appName() {
  return fact('application-name') || location.hostname;
}

/** Returns whether users can set up a kind of second factor. @param {string} type */
export function offersFactor(type) {
  return fact('second-factors').split(' ').includes(type);
}

/** Returns the fewest characters of a new password. */
export function passwordMinimum() {
  return Number(fact('password-min-length'));
}

/** Returns whether this is `vestibule dev`, whose users are developers. */
export function isForDevelopers() {
  return fact('development') !== '';
}

/** Returns whether administrators have the console. */
export function hasConsole() {
  return fact('console') !== '';
}
