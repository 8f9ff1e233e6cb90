/** The deletion of the account: the form on the profile, and the page that says what was deleted. */

import { h } from '../dom.js';
import { field, form, plain } from '../forms.js';
import { t } from '../i18n.js';
import { forgetCodes } from '../recovery-codes.js';
import { go } from '../router.js';
import { drop } from '../session.js';
import { sensitive } from '../step-up.js';
import { card, links } from './parts.js';

/** Whether an account was deleted here. In memory only: the page must not claim it to a user who opens its URL. */
let isDone = false;

/**
 * A recent session is enough for the service, so the user types the name of the account: what cannot be undone must not
 * be one press away.
 * @param {any} me
 */
export function deletion(me) {
  const name = me.email ?? me.username;
  const typed = field({
    name: 'confirmation',
    label: t('delete.confirmation', { name }),
    attributes: { type: 'text', autocomplete: 'off', maxlength: 320, ...plain },
    check: (value) => (value.toLowerCase() === name.toLowerCase() ? undefined : t('delete.other_name', { name })),
  });
  return form({
    fields: [typed],
    button: t('delete.submit'),
    danger: true,
    submit: async () => {
      await sensitive('DELETE', 'me');
      forgetCodes();
      isDone = true;
      drop();
      go('deleted', { replace: true });
    },
  });
}

export function deleted() {
  if (!isDone) {
    go('', { replace: true });
    return h('div');
  }
  return card(
    t('deleted.title'),
    h('p', {}, t('deleted.what')),
    h(
      'ul',
      { class: 'points' },
      ['names', 'factors', 'sessions', 'apps'].map((part) => h('li', {}, t(`deleted.${part}`))),
    ),
    h('p', {}, t('deleted.kept')),
    links(['register', t('register.link')], ['login', t('login.title')]),
  );
}
