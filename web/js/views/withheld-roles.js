/** The roles that the session does not carry, because each requires a second factor that was not verified in it. */

import { Problem } from '../api.js';
import { h } from '../dom.js';
import { form } from '../forms.js';
import { t } from '../i18n.js';
import { again, here } from '../router.js';
import { authorized } from '../session.js';
import { prove } from '../step-up.js';
import { link } from './parts.js';

/** @param {any[]} withheld of `GET /me` @param {string} security the page on which factors are set up */
export async function withheldRoles(withheld, security = 'security') {
  if (withheld.length === 0) return [];
  const { factors } = await authorized('GET', '2fa');
  const has = (/** @type {string} */ type) =>
    factors.some((/** @type {any} */ factor) => factor.type === type && factor.state === 'active');
  return withheld.map(({ role, second_factors }) => {
    const names = second_factors.map((/** @type {string} */ type) => t(`withheld.${type}`)).join(t('withheld.or'));
    const why = t('withheld.why', { role, factors: names });
    return h(
      'div',
      { class: 'notice warn stack' },
      h('p', {}, why),
      remedy(second_factors.filter(has), why, security),
    );
  });
}

/**
 * Confirms a factor that the account has, or leads to where one is set up.
 * @param {string[]} ways @param {string} why what the question says @param {string} security
 */
function remedy(ways, why, security) {
  if (ways.length === 0) return h('p', {}, link(security, t('withheld.set_up')));
  const page = here();
  return form({
    fields: [],
    button: t('withheld.confirm'),
    primary: false,
    submit: async () => {
      await prove(new Problem({ code: 'insufficient_user_authentication', accepted_methods: ways }), why);
      again(page);
    },
  });
}
