/** Where the mail leads that proves an address. */

import { Problem, call } from '../api.js';
import { h } from '../dom.js';
import { passwordField } from '../forms.js';
import { t } from '../i18n.js';
import { pending } from '../pending.js';
import { again } from '../router.js';
import { authorized, current } from '../session.js';
import { linkPage, linkToken } from './link-page.js';
import { links, sent, turn } from './parts.js';

/** The token for which no session here was proof enough: its account is another one, so the page asks for the password. */
let otherAccount = '';

/**
 * The service wants to know that the account is the reader's: a session of it, a login that waits for its second factor, or
 * the password. The page shows what it has, and asks for the password where that is nothing.
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
        // The page that asks takes the place of this one; nothing goes on here.
        return new Promise(() => {});
      }
    },
    done: (_nothing, page) =>
      turn(page, sent(t('verify_email.done'), h('p', {}, t('verify_email.next')), links(onward()))),
  });
}

/** What the service answers when the session or the login that was shown is no proof. */
const ASK_FOR_PASSWORD = ['proof_required', 'invalid_token', 'invalid_pre_auth_token', 'invalid_refresh_token'];

/** Tells whether there is something to show instead of a password. */
function proof() {
  return Boolean(current() ?? pending());
}

/** Shows the session, or else the login that waits for its second factor. @param {string | undefined} token */
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
