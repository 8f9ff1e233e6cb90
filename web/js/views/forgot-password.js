/** Requests a mail for setting a new password. */

import { call } from '../api.js';
import { h } from '../dom.js';
import { emailField, form } from '../forms.js';
import { t } from '../i18n.js';
import { card, links, sent, turn } from './parts.js';

export function forgotPassword() {
  const page = card(
    t('forgot_password.title'),
    h('p', {}, t('forgot_password.how')),
    form({
      fields: [emailField({ autocomplete: 'username' })],
      button: t('send_mail'),
      submit: async ({ email }) => {
        await call('POST', 'password/forgot', { email });
        turn(
          page,
          sent(t('look_at_mail'), h('p', {}, t('forgot_password.sent', { email })), links(['login', t('login.title')])),
        );
      },
    }),
    links(['login', t('login.title')]),
  );
  return page;
}
