/** Where the mail leads that stands in for the password. Its token is used by a press, never by looking. */

import { Problem, call } from '../api.js';
import { h } from '../dom.js';
import { form } from '../forms.js';
import { t } from '../i18n.js';
import { enter } from '../pending.js';
import { again, go } from '../router.js';
import { current, signOut } from '../session.js';
import { brokenLink, card, keepLink, linkToken, links, used } from './parts.js';

export function magicLink() {
  const token = linkToken('magic-link');
  const broken = () => brokenLink('login-by-mail', t('login_by_mail.another'));
  if (!token) return broken();
  if (current()) return signedIn(token);
  const page = card(
    t('magic_link.title'),
    h('p', {}, t('magic_link.how')),
    form({
      fields: [],
      button: t('login.submit'),
      submit: async () => {
        try {
          const answer = await call('POST', 'magic-link/verify', { token, delivery: 'cookie' });
          used();
          go(enter(answer));
        } catch (problem) {
          if (!(problem instanceof Problem) || problem.code !== 'invalid_link_token') throw problem;
          used();
          page.replaceWith(broken());
        }
      },
    }),
  );
  return page;
}

/** The link may be another account's; one browser has one sign-in. @param {string} token */
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
