/** The page of the link in the mail to the old address: it stops a change of address. */

import { call } from '../api.js';
import { h } from '../dom.js';
import { t } from '../i18n.js';
import { linkPage, linkToken } from './link-page.js';
import { links, sent, turn } from './parts.js';

export function cancelEmailChange() {
  const token = linkToken('cancel-email-change');
  return linkPage(token, {
    title: t('cancel_email_change.title'),
    how: t('cancel_email_change.how'),
    button: t('cancel_email_change.submit'),
    another: ['', t('profile.title')],
    use: () => call('POST', 'email/change/cancel', { token }),
    done: (_nothing, page) => {
      turn(
        page,
        sent(
          t('cancel_email_change.done'),
          h('p', {}, t('cancel_email_change.next')),
          links(['forgot-password', t('reset_password.title')]),
        ),
      );
    },
  });
}
