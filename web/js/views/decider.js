/** Who decides about an application: the user of this browser, or another one. */

import { h } from '../dom.js';
import { form } from '../forms.js';
import { t } from '../i18n.js';
import { again } from '../router.js';
import { signOut } from '../session.js';

/** @param {any} me */
export function signedInAs(me) {
  return h('p', {}, t('authorize.account'), ' ', h('strong', { class: 'whole' }, me.email ?? me.username ?? me.id));
}

/**
 * Lets another user decide.
 * @param {() => void} keep stores the question for the user who signs in next: signing out forgets everything
 */
export function otherAccount(keep) {
  const change = form({
    fields: [],
    button: t('authorize.other_account'),
    plain: true,
    submit: async () => {
      await signOut();
      keep();
      again();
    },
  });
  return h('ul', { class: 'links' }, h('li', {}, change));
}
