/** Requests a mail for signing in. */

import { call } from '../api.js';
import { h } from '../dom.js';
import { emailField, form } from '../forms.js';
import { t } from '../i18n.js';
import { card, links, sent, turn } from './parts.js';

export function loginByMail() {
  const page = card(
    t('login_by_mail.title'),
    h('p', {}, t('login_by_mail.how')),
    form({
      fields: [emailField()],
      button: t('send_mail'),
      submit: async ({ email }) => {
        await call('POST', 'magic-link', { email });
        turn(
          page,
          sent(t('look_at_mail'), h('p', {}, t('login_by_mail.sent', { email })), links(['login', t('login.title')])),
        );
      },
    }),
    links(['login', t('login.with_password')]),
  );
  return page;
}
