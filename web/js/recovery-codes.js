/**
 * A new set of recovery codes, and whether its owner has confirmed that it is saved. The service shows codes once and
 * does not know whether they were read, so this browser stores that, for the account and until they confirm it.
 */

import { account } from './session.js';
import { forget, load, recall, remember, save, unremember } from './storage.js';

/** Stores a new set until it is confirmed. @param {string[]} codes */
export function keepCodes(codes) {
  save('recoveryCodes', codes);
  remember('unsavedCodes', account() ?? '');
}

/** Returns the codes that are not confirmed, in the tab that got them. @returns {string[] | undefined} */
export function keptCodes() {
  return load('recoveryCodes');
}

/** The owner has saved the codes, or the account is gone. */
export function forgetCodes() {
  forget('recoveryCodes');
  unremember('unsavedCodes');
}

/** Returns whether the signed-in user has got codes in this browser without confirming that they are saved. */
export function hasUnsavedCodes() {
  const owner = account();
  return owner !== undefined && recall('unsavedCodes') === owner;
}
