/**
 * A login that waits for its second factor: started by a password, a magic link or a registration, completed by a code or a
 * passkey.
 */

import { forget, load, save } from './storage.js';
import { accept } from './session.js';

/**
 * @typedef {object} Method
 * @property {'passkey' | 'totp' | 'recovery_code' | 'email' | 'sms'} type
 * @property {string} [hint]
 *
 * @typedef {object} Enrolment
 * @property {string} secret
 * @property {string} otpauth_uri
 * @property {string} qr_code
 *
 * @typedef {object} Pending
 * @property {'second_factor' | 'enrolment'} next
 * @property {string} token the pre-auth token
 * @property {number} until when it expires, in milliseconds
 * @property {Method[]} methods empty if no second factor of the account can complete this login
 * @property {string} [method] the second factor that the page asks for
 * @property {string} [email] the address, where one is known
 * @property {Enrolment} [totp]
 * @property {boolean} [alone] whether the passkey is the only factor: the account has no password
 * @property {number} [trustedDays] how long this device can be trusted, if devices are
 * @property {string[]} [recoveryCodes] made for a passkey that was registered in this login
 */

/** @returns {Pending | undefined} */
export function pending() {
  return load('pending');
}

/** Changes the stored login. It still expires at the same time. @param {Partial<Pending>} changes */
export function amend(changes) {
  const entry = pending();
  if (entry) save('pending', { ...entry, ...changes }, entry.until);
}

export function abandon() {
  forget('pending');
}

/**
 * Stores a login response and returns the page to go to.
 * @param {any} answer of `POST /login` or `POST /magic-link/verify`
 * @param {string} [email]
 */
export function enter(answer, email) {
  if (answer.status === 'authenticated') {
    abandon();
    accept(answer, { begins: true });
    return load('next') ?? '';
  }
  const enrolment = answer.status === 'enrolment_required';
  begin(
    {
      next: enrolment ? 'enrolment' : 'second_factor',
      token: answer.pre_auth_token,
      methods: answer.methods,
      method: answer.default_method,
      email,
      trustedDays: days(answer.trusted_device_ttl),
    },
    answer.expires_in,
  );
  return enrolment ? 'set-up' : 'second-factor';
}

/** The days of so many seconds, of which the last may not be a whole one. @param {number | undefined} seconds */
function days(seconds) {
  return seconds && Math.ceil(seconds / 86_400);
}

/** Starts the login of a new account. @param {any} answer of `POST /register` @param {string} [email] */
export function enterNew(answer, email) {
  const { pre_auth_token: token, totp, expires_in: life } = answer;
  const way = totp ? { totp: needed(totp) } : { alone: true };
  begin({ next: 'enrolment', token, methods: [], email, ...way }, life);
}

/** Returns the members of an enrolment that a page shows. @param {any} totp @returns {Enrolment} */
export function needed({ secret, otpauth_uri, qr_code }) {
  return { secret, otpauth_uri, qr_code };
}

/** @param {Omit<Pending, 'until'>} entry @param {number} life in seconds */
function begin(entry, life) {
  const until = Date.now() + life * 1000;
  save('pending', { ...entry, until }, until);
}
