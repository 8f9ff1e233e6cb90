/** The page of the link in the mail for a forgotten password or a new account: it sets a password, or signs in without. */

import { call } from '../api.js';
import { h } from '../dom.js';
import { form } from '../forms.js';
import { t } from '../i18n.js';
import { newPasswordField } from '../new-password.js';
import { offersPasskeys } from '../passkeys.js';
import { enter } from '../pending.js';
import { go } from '../router.js';
import { current } from '../session.js';
import { forget } from '../storage.js';
import { linkPage, linkToken, workingToken } from './link-page.js';
import { links, sent, turn } from './parts.js';

export async function resetPassword() {
  const token = await workingToken(linkToken('reset-password'), 'password/reset', { new_password: '' });
  return linkPage(token, {
    title: t('reset_password.title'),
    how: t('reset_password.how'),
    fields: [newPasswordField('new_password', t('password.new'))],
    button: t('reset_password.submit'),
    // A browser has only one session, and the link may be for another account.
    otherwise: offersPasskeys() && !current() && withoutPassword(token),
    another: ['forgot-password', t('forgot_password.another')],
    use: ({ new_password }) => call('POST', 'password/reset', { token, new_password }),
    done: (_nothing, page) =>
      turn(
        page,
        sent(t('reset_password.done'), h('p', {}, t('reset_password.next')), links(['login', t('login.title')])),
      ),
  });
}

/** Signs in with the link, which leads a new account to its passkey. @param {string | undefined} token */
function withoutPassword(token) {
  return form({
    fields: [h('p', {}, t('reset_password.without'))],
    button: t('reset_password.passkey'),
    primary: false,
    submit: async () => {
      const answer = await call('POST', 'magic-link/verify', { token, delivery: 'cookie' });
      forget('link');
      go(enter(answer));
    },
    explain: (problem) => (problem.code === 'invalid_link_token' ? t('reset_password.needed') : undefined),
  });
}
