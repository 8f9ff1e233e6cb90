/** Creates an account. */

import { call } from '../api.js';
import { h } from '../dom.js';
import { emailField, field, form, passwordField, plain } from '../forms.js';
import { language, t } from '../i18n.js';
import { offersPasskeys } from '../passkeys.js';
import { enterNew } from '../pending.js';
import { go } from '../router.js';
import { resend } from './login.js';
import { card, link, links, sent, turn } from './parts.js';

export function register() {
  const username = field({
    name: 'username',
    label: t('username.optional'),
    hint: t('username.hint'),
    required: false,
    draft: true,
    attributes: { type: 'text', autocomplete: 'off', maxlength: 128, ...plain },
  });
  const page = card(
    t('register.title'),
    h('p', {}, t(offersPasskeys() ? 'register.how_either' : 'register.how')),
    form({
      fields: [
        // Password managers store this together with the password.
        emailField({ autocomplete: 'username', required: false }),
        username,
        passwordField({
          name: 'password',
          label: t('password'),
          autocomplete: 'new-password',
          hint: t('password.hint'),
        }),
      ],
      button: t('register.submit'),
      submit: async ({ email, username: name, password }) => {
        const names = { ...(email && { email }), ...(name && { username: name }) };
        const answer = await call('POST', 'register', { ...names, password, locale: language() });
        if (answer.status === 'accepted') {
          turn(page, accepted(email));
          return;
        }
        enterNew(answer, email || undefined);
        go('set-up');
      },
      explain: (problem) => {
        if (problem.code === 'forbidden') return t('register.closed');
        if (problem.errors.some(({ pointer }) => pointer === '')) return t('register.nameless');
        return undefined;
      },
    }),
    h('p', { class: 'quiet' }, t('register.have_one'), ' ', link('login', t('login.title'))),
  );
  return page;
}

/** Only a mail says whether there is an account, so that the page reveals no addresses. @param {string} email */
function accepted(email) {
  return sent(
    t('look_at_mail'),
    h('p', {}, t('register.accepted', { email })),
    email && resend(email),
    links(['login', t('login.title')]),
  );
}
