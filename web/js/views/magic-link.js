/** The page of the link in the mail that replaces the password: it signs in. */

import { call } from '../api.js';
import { h } from '../dom.js';
import { form } from '../forms.js';
import { t } from '../i18n.js';
import { enter } from '../pending.js';
import { again, go } from '../router.js';
import { current, signOut } from '../session.js';
import { keepLink, linkPage, linkToken } from './link-page.js';
import { card, links } from './parts.js';

export function magicLink() {
  const token = linkToken('magic-link');
  if (token && current()) return signedIn(token);
  return linkPage(token, {
    title: t('magic_link.title'),
    how: t('magic_link.how'),
    button: t('login.submit'),
    another: ['login-by-mail', t('login_by_mail.another')],
    use: () => call('POST', 'magic-link/verify', { token, delivery: 'cookie' }),
    done: (answer) => go(enter(answer)),
  });
}

/** The link may be for another account, and a browser has only one session. @param {string} token */
function signedIn(token) {
  return card(
    t('magic_link.title'),
    h('p', {}, t('magic_link.signed_in')),
    form({
      fields: [],
      button: t('sign_out'),
      submit: async () => {
        await signOut();
        keepLink('magic-link', token);
        again();
      },
    }),
    links(['', t('profile.title')]),
  );
}
