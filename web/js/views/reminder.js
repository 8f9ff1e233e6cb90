/** Reminds a user, on every page, of recovery codes that they have not confirmed to be saved. */

import { h } from '../dom.js';
import { t } from '../i18n.js';
import { forgetCodes, hasUnsavedCodes, keptCodes } from '../recovery-codes.js';
import { link } from './parts.js';

/** @param {string} page the name of the page that is shown */
export function reminder(page) {
  if (page === 'recovery-codes' || !hasUnsavedCodes()) return false;
  const confirm = () => {
    forgetCodes();
    element.remove();
  };
  // The codes are shown once, and only in the tab that got them. Without them, the user can say so or make new ones.
  const way = keptCodes()
    ? link('recovery-codes', t('recovery_codes.show'))
    : [
        link('security', t('recovery_codes.renew')),
        h('button', { type: 'button', on: { click: confirm } }, t('recovery_codes.saved')),
      ];
  const element = h(
    'aside',
    { class: 'notice warn stack', 'aria-label': t('recovery_codes.title') },
    h('p', {}, t('recovery_codes.unsaved')),
    h('div', { class: 'row' }, way),
  );
  return element;
}
