/** An application asks to sign the user out, without a proof that it may. `GET /oauth/logout` leads here. */

import { address } from '../api.js';
import { h } from '../dom.js';
import { form } from '../forms.js';
import { t } from '../i18n.js';
import { current, signOut } from '../session.js';
import { card, links } from './parts.js';

const PARAMETERS = ['client_id', 'post_logout_redirect_uri', 'state'];

export function signOutForApplication() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (!current()) {
    location.replace(onward(given));
    return card(t('signed_out.title'));
  }
  return card(
    t('sign_out.title'),
    given.has('error') && h('p', { class: 'notice warn' }, t('sign_out.unusable')),
    h('p', {}, t('sign_out.what')),
    form({
      fields: [],
      button: t('sign_out.confirm'),
      // The page is then shown again, without a user, and goes on.
      submit: () => signOut(),
    }),
    links(['', t('sign_out.stay')]),
  );
}

/** The service knows where the user may go from here. This page does not. @param {URLSearchParams} given */
function onward(given) {
  const known = PARAMETERS.flatMap((name) => {
    const value = given.get(name);
    return value === null ? [] : [[name, value]];
  });
  return address(`oauth/logout?${new URLSearchParams([...known, ['signed_out', 'true']])}`);
}
