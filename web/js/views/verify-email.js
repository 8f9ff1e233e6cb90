/** The page of the link in the mail that verifies an address. */

import { Problem, call } from '../api.js';
import { h } from '../dom.js';
import { form, passwordField } from '../forms.js';
import { t } from '../i18n.js';
import { offersPasskeys, usePasskey } from '../passkeys.js';
import { pending } from '../pending.js';
import { again } from '../router.js';
import { authorized, current } from '../session.js';
import { forget } from '../storage.js';
import { linkPage, linkToken, workingToken } from './link-page.js';
import { links, sent, turn } from './parts.js';
import { otherWays } from './providers.js';

/**
 * The token that the service did not accept with the session or login of this browser: it is for another account, so
 * the page asks for that account's password.
 */
let otherAccount = '';

/**
 * The service requires a proof that the account is the user's: a session, a login that waits for its second factor, the
 * password, a passkey, or the account of a provider. The page sends what it has, and asks for one of the last three if it
 * has nothing.
 */
export async function verifyEmail() {
  const given = linkToken('verify-email');
  const asks = !proof() || otherAccount === given;
  const token = asks ? await workingToken(given, 'email/verify') : given;
  const page = linkPage(token, {
    title: t('verify_email.title'),
    how: t(asks ? 'verify_email.how_by_password' : 'verify_email.how'),
    fields: asks
      ? [passwordField({ name: 'password', label: t('password'), autocomplete: 'current-password' })]
      : [],
    button: t('verify_email.submit'),
    otherwise: asks && [
      offersPasskeys() && byPasskey(token, () => finish(page)),
      // A browser has only one session, and the sign-in begins another.
      !current() && otherWays({ how: t('verify_email.by_provider'), emailToken: token }),
    ],
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
    done: () => finish(page),
  });
  return page;
}

/** @param {Element} page */
function finish(page) {
  turn(page, sent(t('verify_email.done'), h('p', {}, t('verify_email.next')), links(onward())));
}

/** Proves the account with a passkey. @param {string | undefined} token @param {() => void} done */
function byPasskey(token, done) {
  return form({
    fields: [],
    button: t('verify_email.passkey'),
    primary: false,
    submit: async () => {
      const { options } = await call('POST', 'passkey/options');
      await call('POST', 'email/verify', { token, passkey: await usePasskey(options) });
      forget('link');
      done();
    },
    explain: (problem) => (problem.code === 'invalid_credentials' ? t('passkey.unknown') : undefined),
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
