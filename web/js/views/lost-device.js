/** What to do when the device with the passkey or the authenticator app is lost. */

import { h } from '../dom.js';
import { t } from '../i18n.js';
import { requestLink } from './login-by-mail.js';
import { card, link, turn } from './parts.js';

export function lostDevice() {
  const page = card(t('lost_device.title'));
  turn(
    page,
    h('h1', { tabindex: -1 }, t('lost_device.title')),
    h('p', {}, t('lost_device.how')),
    h('h2', {}, t('lost_device.password')),
    h('p', {}, t('lost_device.with_password')),
    link('login', t('login.title'), 'button'),
    h('h2', {}, t('lost_device.no_password')),
    h('p', {}, t('lost_device.without_password')),
    requestLink(page),
  );
  return page;
}
