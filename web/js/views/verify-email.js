/** Where the mail leads that proves an address. */

import { call } from '../api.js';
import { h } from '../dom.js';
import { t } from '../i18n.js';
import { pending } from '../pending.js';
import { current } from '../session.js';
import { linkPage, linkToken } from './link-page.js';
import { links, sent, turn } from './parts.js';

export function verifyEmail() {
  const token = linkToken('verify-email');
  return linkPage(token, {
    title: t('verify_email.title'),
    how: t('verify_email.how'),
    button: t('verify_email.submit'),
    another: ['', t('profile.title')],
    use: () => call('POST', 'email/verify', { token }),
    done: (_nothing, page) =>
      turn(page, sent(t('verify_email.done'), h('p', {}, t('verify_email.next')), links(onward()))),
  });
}

/** @returns {[string, string]} */
function onward() {
  if (current()) return ['', t('profile.title')];
  return pending()?.next === 'enrolment' ? ['set-up', t('set_up.title')] : ['login', t('login.title')];
}
