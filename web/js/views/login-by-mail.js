/** Requests a mail for signing in. */

import { call } from '../api.js';
import { h } from '../dom.js';
import { emailField, form } from '../forms.js';
import { t } from '../i18n.js';
import { card, links, sent, turn } from './parts.js';

export function loginByMail() {
  const page = card(t('login_by_mail.title'));
  turn(
    page,
    h('h1', { tabindex: -1 }, t('login_by_mail.title')),
    h('p', {}, t('login_by_mail.how')),
    requestLink(page),
    links(['login', t('login.with_password')]),
  );
  return page;
}

/** A form that requests the mail. Its answer replaces what the page shows. @param {Element} page */
export function requestLink(page) {
  return form({
    fields: [emailField()],
    button: t('send_mail'),
    submit: async ({ email }) => {
      await call('POST', 'magic-link', { email });
      const text = h('p', {}, t('login_by_mail.sent', { email }));
      turn(page, sent(t('look_at_mail'), text, links(['login', t('login.title')])));
    },
  });
}
