/**
 * Passkeys: what the browser makes and signs. The options of the API and the answers of the browser pass unchanged.
 */

import { Problem } from './api.js';
import { offersFactor } from './deployment.js';

/** A browser serves one request at a time. The one that waits in a field ends when another begins. */
let waiting = new AbortController();

/** Returns whether this deployment offers passkeys, and the browser can use them. */
export function offersPasskeys() {
  return offersFactor('passkey') && knowsPasskeys();
}

/** Returns whether the browser can use passkeys. The browsers inside of some apps have the types, but no credentials. */
export function knowsPasskeys() {
  return (
    'credentials' in navigator &&
    'PublicKeyCredential' in globalThis &&
    'parseRequestOptionsFromJSON' in PublicKeyCredential
  );
}

/**
 * Makes a passkey.
 * @param {any} options of `POST /2fa/passkeys/options`
 * @returns {Promise<object>} a `RegistrationCredential`
 * @throws {Problem} that says why there is none
 */
export async function makePasskey(options) {
  waiting.abort();
  try {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return answer(await navigator.credentials.create({ publicKey }));
  } catch (error) {
    throw problem(error, { NotAllowedError: 'passkey_not_made', InvalidStateError: 'passkey_present' });
  }
}

/**
 * Signs a challenge with a passkey.
 * @param {any} options of `POST /2fa/challenge`, `POST /passkey/options` or `POST /password/remove/options`
 * @returns {Promise<object>} an `AssertionCredential`
 * @throws {Problem} that says why it is not signed
 */
export async function usePasskey(options) {
  waiting.abort();
  try {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
    return answer(await navigator.credentials.get({ publicKey }));
  } catch (error) {
    throw problem(error, { NotAllowedError: 'passkey_not_used' });
  }
}

/**
 * Waits until the user chooses a passkey from the suggestions of a field with `autocomplete="webauthn"`.
 * @param {() => Promise<{options: any, expires_in: number}>} getOptions called again when the options have expired
 * @param {AbortSignal} signal ends it
 * @returns {Promise<object | undefined>} an `AssertionCredential`; none if the browser has no such suggestions, if
 *   `getOptions` fails, or if another request begins. Nothing is shown then: the page has a button for the same.
 */
export async function suggestPasskeys(getOptions, signal) {
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return undefined;
  waiting.abort();
  waiting = new AbortController();
  const { signal: stopped } = waiting;
  for (;;) {
    /** @type {AbortSignal | undefined} */
    let expiry;
    try {
      const { options, expires_in: life } = await getOptions();
      expiry = AbortSignal.timeout(life * 1000);
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
      const ends = AbortSignal.any([signal, stopped, expiry]);
      return answer(await navigator.credentials.get({ publicKey, mediation: 'conditional', signal: ends }));
    } catch {
      if (!expiry?.aborted || signal.aborted || stopped.aborted) return undefined;
    }
  }
}

/** @param {Credential | null} credential @returns {object} */
function answer(credential) {
  return /** @type {PublicKeyCredential} */ (credential).toJSON();
}

/** @param {unknown} error of the browser @param {Record<string, string>} codes by the error's name */
function problem(error, codes) {
  return new Problem({ code: codes[error instanceof Error ? error.name : ''] ?? 'passkey_failed' });
}
