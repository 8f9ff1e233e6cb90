/** Says that the user is signed out. An application that ends the session leads here. */

import { h } from '../dom.js';
import { t } from '../i18n.js';
import { current } from '../session.js';
import { forgetAll } from '../storage.js';
import { card, links } from './parts.js';

export function signedOut() {
  if (current()) {
    // The application ended a sign-in that was not the one of this browser.
    return card(t('signed_out.title'), h('p', {}, t('signed_out.still')), links(['', t('profile.title')]));
  }
  // The service ended the session, so what this tab stored of its user is still there.
  forgetAll();
  return card(t('signed_out.title'), h('p', {}, t('signed_out.what')), links(['login', t('login.again')]));
}
