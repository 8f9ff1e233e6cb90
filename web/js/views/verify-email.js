/** The page of the link in the mail that verifies an address. */

import { Problem, call } from '../api.js';
import { h } from '../dom.js';
import { passwordField } from '../forms.js';
import { t } from '../i18n.js';
import { pending } from '../pending.js';
import { again } from '../router.js';
import { authorized, current } from '../session.js';
import { linkPage, linkToken } from './link-page.js';
import { links, sent, turn } from './parts.js';

/**
 * The token that the service did not accept with the session or login of this browser: it is for another account, so
 * the page asks for that account's password.
 */
let otherAccount = '';

/**
 * The service requires a proof that the account is the user's: a session, a login that waits for its second factor, or
 * the password. The page sends what it has, and asks for the password if it has nothing.
 */
export function verifyEmail() {
  const token = linkToken('verify-email');
  const asks = !proof() || otherAccount === token;
  return linkPage(token, {
    title: t('verify_email.title'),
    how: t(asks ? 'verify_email.how_by_password' : 'verify_email.how'),
    fields: asks
      ? [passwordField({ name: 'password', label: t('password'), autocomplete: 'current-password' })]
      : [],
    button: t('verify_email.submit'),
    another: ['', t('profile.title')],
    use: async ({ password }) => {
      if (asks) return call('POST', 'email/verify', { token, password });
      try {
        return await prove(token);
      } catch (problem) {
        if (!(problem instanceof Problem) || !ASK_FOR_PASSWORD.includes(problem.code)) throw problem;
        otherAccount = token ?? '';
        again();
        // The page that asks for the password replaces this one, so this submission never ends.
        return new Promise(() => {});
      }
    },
    done: (_nothing, page) =>
      turn(page, sent(t('verify_email.done'), h('p', {}, t('verify_email.next')), links(onward()))),
  });
}

/** The codes of the service if it does not accept the session or the login as a proof. */
const ASK_FOR_PASSWORD = ['proof_required', 'invalid_token', 'invalid_pre_auth_token', 'invalid_refresh_token'];

/** Returns whether the page has a proof other than the password. */
function proof() {
  return Boolean(current() ?? pending());
}

/** Sends the session as a proof, or the login that waits for its second factor. @param {string | undefined} token */
function prove(token) {
  return current()
    ? authorized('POST', 'email/verify', { token })
    : call('POST', 'email/verify', { token }, pending()?.token);
}

/** @returns {[string, string]} */
function onward() {
  if (current()) return ['', t('profile.title')];
  return pending()?.next === 'enrolment' ? ['set-up', t('set_up.title')] : ['login', t('login.title')];
}
