/**
 * The form above a list, which chooses what is in it. What was chosen is in the URL of the page, so that it can be
 * reloaded and passed on.
 */

import { form } from '../forms.js';
import { t } from '../i18n.js';

/**
 * @param {import('../forms.js').Field[]} fields
 * @param {(values: Record<string, string>) => void} choose
 */
export function filters(fields, choose) {
  const element = form({
    fields,
    name: t('filters.title'),
    button: t('filters.apply'),
    primary: false,
    submit: async (values) => choose(values),
  });
  element.classList.add('filters');
  element.setAttribute('role', 'search');
  return element;
}
