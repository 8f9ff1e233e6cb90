/** Where the mail leads that sets a new password. */

import { Problem, call } from '../api.js';
import { h } from '../dom.js';
import { form, passwordField } from '../forms.js';
import { t } from '../i18n.js';
import { brokenLink, card, linkToken, links, sent, turn, used } from './parts.js';

export function resetPassword() {
  const token = linkToken('reset-password');
  const broken = () => brokenLink('forgot-password', t('forgot_password.another'));
  if (!token) return broken();
  const page = card(
    t('reset_password.title'),
    h('p', {}, t('reset_password.how')),
    form({
      fields: [
        passwordField({
          name: 'new_password',
          label: t('password.new'),
          autocomplete: 'new-password',
          hint: t('password.hint'),
        }),
      ],
      button: t('reset_password.submit'),
      submit: async ({ new_password }) => {
        try {
          await call('POST', 'password/reset', { token, new_password });
        } catch (problem) {
          if (!(problem instanceof Problem) || problem.code !== 'invalid_link_token') throw problem;
          used();
          page.replaceWith(broken());
          return;
        }
        used();
        turn(
          page,
          sent(t('reset_password.done'), h('p', {}, t('reset_password.next')), links(['login', t('login.title')])),
        );
      },
    }),
  );
  return page;
}
