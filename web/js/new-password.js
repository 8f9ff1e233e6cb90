/**
 * The field for a new password. It names the minimum length of this deployment and shows how much of it there is. It
 * does not rate more than the length: whether a password is easy to guess is decided by the service alone, with a
 * dictionary that no page has to load.
 */

import { passwordMinimum } from './deployment.js';
import { fill, h } from './dom.js';
import { passwordField } from './forms.js';
import { t } from './i18n.js';

/** @param {string} name the API's member @param {string} label */
export function newPasswordField(name, label) {
  const least = passwordMinimum();
  const made = passwordField({
    name,
    label,
    autocomplete: 'new-password',
    hint: t('password.hint', { least }),
    check: (value) => (lengthOf(value) < least ? t('password.too_short', { least }) : undefined),
  });
  const scale = { min: 0, max: least, low: least, optimum: least, value: 0 };
  const meter = h('meter', { ...scale, 'aria-label': t('password.length') });
  // Screen readers read a status when it changes, so it changes once, and not with every character.
  const status = h('span', { role: 'status' });
  const count = h('span', { 'aria-hidden': 'true' });
  made.input.addEventListener('input', () => {
    const length = lengthOf(made.input.value);
    meter.value = length;
    fill(count, length > 0 && length < least && t('password.so_far', { length, least }));
    const said = length < least ? '' : t('password.long_enough');
    if (status.textContent !== said) fill(status, said);
  });
  made.node.querySelector('.fault')?.before(h('div', { class: 'meter hint' }, meter, count, status));
  return made;
}

/** Returns the length as the service counts it: in code points of the normal form C. @param {string} password */
function lengthOf(password) {
  return [...password.normalize('NFC')].length;
}
