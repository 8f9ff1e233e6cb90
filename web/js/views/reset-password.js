/** The page of the link in the mail for a forgotten password: it sets a new one. */

import { call } from '../api.js';
import { h } from '../dom.js';
import { passwordField } from '../forms.js';
import { t } from '../i18n.js';
import { linkPage, linkToken } from './link-page.js';
import { links, sent, turn } from './parts.js';

export function resetPassword() {
  const token = linkToken('reset-password');
  return linkPage(token, {
    title: t('reset_password.title'),
    how: t('reset_password.how'),
    fields: [
      passwordField({
        name: 'new_password',
        label: t('password.new'),
        autocomplete: 'new-password',
        hint: t('password.hint'),
      }),
    ],
    button: t('reset_password.submit'),
    another: ['forgot-password', t('forgot_password.another')],
    use: ({ new_password }) => call('POST', 'password/reset', { token, new_password }),
    done: (_nothing, page) =>
      turn(
        page,
        sent(t('reset_password.done'), h('p', {}, t('reset_password.next')), links(['login', t('login.title')])),
      ),
  });
}
