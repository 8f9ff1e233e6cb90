/** Says that the user is signed out. An application that ends the session leads here. */

import { h } from '../dom.js';
import { t } from '../i18n.js';
import { current, drop } from '../session.js';
import { card, links } from './parts.js';

export function signedOut() {
  if (current()) {
    // The application ended a sign-in that was not the one of this browser.
    return card(t('signed_out.title'), h('p', {}, t('signed_out.still')), links(['', t('profile.title')]));
  }
  // The service ended the session: what this tab stored of its user is still there, and other tabs do not know of it.
  drop();
  return card(t('signed_out.title'), h('p', {}, t('signed_out.what')), links(['login', t('login.again')]));
}
