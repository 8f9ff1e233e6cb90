/** A new set of recovery codes, shown until the user confirms that it is saved. */

import { h } from '../dom.js';
import { field, form } from '../forms.js';
import { plainText, t } from '../i18n.js';
import { forgetCodes, keptCodes } from '../recovery-codes.js';
import { go } from '../router.js';
import { current } from '../session.js';
import { forget, load } from '../storage.js';
import { card, copyButton, download, links } from './parts.js';

export function recoveryCodes() {
  const codes = keptCodes();
  if (!codes) {
    return card(
      t('recovery_codes.title'),
      h('p', {}, t('recovery_codes.none')),
      links(['security', t('security.title')]),
    );
  }
  const text = [plainText(t('recovery_codes.for', { host: location.host })), '', ...codes, ''].join('\n');
  return card(
    t('recovery_codes.title'),
    h('p', {}, t('recovery_codes.why')),
    h('p', { class: 'small' }, t('recovery_codes.for', { host: location.host })),
    h(
      'ol',
      { class: 'codes code', 'aria-label': t('recovery_codes.title') },
      codes.map((code) => h('li', {}, code)),
    ),
    h(
      'div',
      { class: 'row no-print' },
      copyButton(codes.join('\n'), t('copy')),
      h('button', { type: 'button', on: { click: () => print() } }, t('print')),
      h(
        'button',
        { type: 'button', on: { click: () => download('recovery-codes.txt', 'text/plain', text) } },
        t('download'),
      ),
    ),
    h('div', { class: 'no-print' }, acknowledgement()),
  );
}

function acknowledgement() {
  return form({
    fields: [checkbox('saved', t('recovery_codes.saved'))],
    button: t('continue'),
    submit: async () => {
      forgetCodes();
      const next = load('next') ?? '';
      forget('next');
      go(current() ? next : 'login', { replace: true });
    },
  });
}

/** @param {string} name @param {string} label */
export function checkbox(name, label, { required = true } = {}) {
  const made = field({ name, label, required, attributes: { type: 'checkbox' } });
  made.node.querySelector('.input')?.prepend(made.input);
  made.node.querySelector('.input')?.append(/** @type {Node} */ (made.node.querySelector('label')));
  made.node.querySelector('.input')?.classList.replace('input', 'check');
  return made;
}
