/**
 * A secret that the service has just made, and shows this once. It is in memory only: until the user has stored it, or
 * leaves its page. It survives the choice of another language, which makes the page again.
 */

import { h } from '../dom.js';
import { t } from '../i18n.js';
import { copyButton } from '../views/parts.js';
import { wanted } from './admin.js';

/** @type {{id: string, secret: string} | undefined} */
let fresh;

/** Keeps the secret of an object for its page, which is shown next. @param {{id: string, secret: string}} made */
export function keep({ id, secret }) {
  fresh = { id, secret };
}

/**
 * Shows the secret of the object of the page, if it was just made.
 * @param {AbortSignal} signal aborted when the user leaves the page, or when it is made again
 * @param {string} what it is for
 */
export function handover(signal, what) {
  const id = wanted();
  if (fresh?.id !== id) return false;
  signal.addEventListener('abort', () => {
    if (wanted() !== id) fresh = undefined;
  });
  const stored = () => {
    fresh = undefined;
    element.remove();
    document.querySelector('h1')?.focus();
  };
  const element = h(
    'section',
    { class: 'notice good stack' },
    h('h2', {}, t('secret.title')),
    h('p', {}, what, ' ', t('secret.once')),
    h('code', { class: 'secret' }, fresh.secret),
    h(
      'div',
      { class: 'row' },
      copyButton(fresh.secret, t('secret.copy')),
      h('button', { type: 'button', on: { click: stored } }, t('secret.stored')),
    ),
  );
  return element;
}
