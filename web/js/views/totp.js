/** The secret for an authenticator app, to scan or to type. */

import { h } from '../dom.js';
import { t } from '../i18n.js';
import { copyButton } from './parts.js';

/** @param {import('../pending.js').Enrolment} totp */
export function authenticatorSteps({ secret, otpauth_uri, qr_code }) {
  return h(
    'ol',
    { class: 'steps' },
    h('li', {}, t('totp.get_app')),
    h(
      'li',
      {},
      t('totp.scan'),
      h('img', { class: 'qr', src: qr_code, alt: t('totp.qr') }),
      h(
        'div',
        { class: 'stack' },
        h('a', { href: otpauth_uri }, t('totp.here')),
        h('p', {}, t('totp.type')),
        // In groups, which are easier to read and to type.
        h('code', { class: 'secret' }, secret.match(/.{1,4}/g)?.join(' ') ?? secret),
        h('div', { class: 'row' }, copyButton(secret, t('totp.copy'))),
      ),
    ),
    h('li', {}, t('totp.enter')),
  );
}
