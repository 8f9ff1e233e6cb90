/** Where the mail leads that proves an address. */

import { Problem, call } from '../api.js';
import { h } from '../dom.js';
import { form } from '../forms.js';
import { t } from '../i18n.js';
import { pending } from '../pending.js';
import { current } from '../session.js';
import { brokenLink, card, linkToken, links, sent, turn, used } from './parts.js';

export function verifyEmail() {
  const token = linkToken('verify-email');
  const broken = () => brokenLink('', t('profile.title'));
  if (!token) return broken();
  const page = card(
    t('verify_email.title'),
    h('p', {}, t('verify_email.how')),
    form({
      fields: [],
      button: t('verify_email.submit'),
      submit: async () => {
        try {
          await call('POST', 'email/verify', { token });
        } catch (problem) {
          if (!(problem instanceof Problem) || problem.code !== 'invalid_link_token') throw problem;
          used();
          page.replaceWith(broken());
          return;
        }
        used();
        turn(page, sent(t('verify_email.done'), h('p', {}, t('verify_email.next')), links(onward())));
      },
    }),
  );
  return page;
}

/** @returns {[string, string]} */
function onward() {
  if (current()) return ['', t('profile.title')];
  return pending()?.next === 'enrolment' ? ['set-up', t('set_up.title')] : ['login', t('login.title')];
}
