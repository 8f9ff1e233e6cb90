/**
 * Sign-ins with an account of another service: a provider, such as Google or the OpenID provider of a company.
 *
 * The browser goes to the provider, and comes back to the page `federation` with a code. What the tab stores meanwhile
 * is found by the `state` of the answer, so an answer to a request of another tab, or of another user, is not used.
 */

import { call } from './api.js';
import { t } from './i18n.js';
import { href } from './router.js';
import { sensitive } from './step-up.js';
import { forget, load, save } from './storage.js';

/**
 * @typedef {object} Provider
 * @property {string} id
 * @property {string} name
 *
 * @typedef {object} Started a sign-in that waits for the answer of the provider
 * @property {Provider} provider
 * @property {string} token the federation token
 * @property {boolean} linking whether the account of the provider is to be connected to the user's account
 * @property {string} [emailToken] of the link in a mail, which the sign-in uses
 */

/** The providers, once the service has named them. They do not change while a document is shown. @type {any} */
let named;

/** The providers of this deployment, if they are known already. @returns {Provider[] | undefined} */
export function knownProviders() {
  return named;
}

/** Asks for the providers of this deployment. @returns {Promise<Provider[]>} */
export async function getProviders() {
  named ??= (await call('GET', 'federation')).providers;
  return named;
}

/**
 * Starts a sign-in, and sends the browser to the provider.
 * @param {Provider} provider
 * @param {{linking?: boolean, emailToken?: string}} [purpose]
 */
export async function start({ id, name }, { linking = false, emailToken } = {}) {
  const path = `federation/${id}/start`;
  const body = { redirect_uri: new URL(href('federation'), location.href).href };
  const answer = linking
    ? await sensitive('POST', path, body, t('federation.connect_why', { name }))
    : await call('POST', path, body);
  /** @type {Started} */
  const started = { provider: { id, name }, token: answer.federation_token, linking, emailToken };
  save(`federation.${answer.state}`, started, Date.now() + answer.expires_in * 1000);
  location.assign(answer.authorization_url);
  // The form stays busy until the browser has left. The back button may show the same document again.
  return new Promise((resolve) => addEventListener('pageshow', () => resolve(undefined), { once: true }));
}

/**
 * Returns the sign-in that an answer belongs to, once: the service accepts no second answer.
 * @param {string} state
 * @returns {Started | undefined}
 */
export function take(state) {
  const started = load(`federation.${state}`);
  forget(`federation.${state}`);
  return started;
}
