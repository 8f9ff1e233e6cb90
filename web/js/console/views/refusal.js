/**
 * What a user sees in the place of a page: one without the role or the second factor that it needs, or one who followed
 * a link to an object that was deleted.
 */

import { fill, h } from '../../dom.js';
import { form } from '../../forms.js';
import { t } from '../../i18n.js';
import { again, here } from '../../router.js';
import { authorized } from '../../session.js';
import { prove } from '../../step-up.js';
import { card, links } from '../../views/parts.js';
import { withheldRoles } from '../../views/withheld-roles.js';

/**
 * Says that an object does not exist, and leads to the list of the others.
 * @param {import('../../api.js').Problem} problem
 * @param {string} name of the page of the object
 * @param {import('../pages.js').Page} page
 */
export function nothing({ code }, name, { under }) {
  if (code !== 'not_found' || !under) return undefined;
  return card(t(`nothing.${name}`), h('p', {}, t('nothing.why')), links([under, t(`nothing.to_${under}`)]));
}

/** @param {import('../../api.js').Problem} problem */
export async function refusal(problem) {
  const { code, members } = problem;
  const isUnproved = code === 'insufficient_user_authentication';
  if (!isUnproved && code !== 'forbidden') return undefined;
  hideNavigation();
  if (isUnproved && members.accepted_methods.length === 0) {
    return card(t('refusal.factor'), h('p', {}, t('refusal.factor_how')), ways(true));
  }
  const me = await authorized('GET', 'me');
  const withheld = me.withheld_roles.filter((/** @type {any} */ { role }) => role === 'admin');
  const why = await withheldRoles(withheld, SECURITY);
  if (isUnproved) return card(t('refusal.confirm'), why.length > 0 ? why : confirmation(problem), ways(false));
  return card(
    t('refusal.title'),
    withheld.length === 0 && h('p', {}, t('refusal.what', { name: me.email ?? me.username ?? me.id })),
    why,
    ways(withheld.length > 0),
  );
}

/** Asks for the second factor that the session lacks. @param {import('../../api.js').Problem} demand */
function confirmation(demand) {
  const page = here();
  const confirm = form({
    fields: [],
    button: t('withheld.confirm'),
    submit: async () => {
      await prove(demand, t('refusal.confirm_how'));
      again(page);
    },
  });
  return [h('p', {}, t('refusal.confirm_how')), confirm];
}

/** No section is open to the user. */
function hideNavigation() {
  const side = /** @type {HTMLElement} */ (document.getElementById('side'));
  fill(side);
  side.hidden = true;
}

/** Where second factors are set up. */
const SECURITY = '../account/security';

/** @param {boolean} isFactorMissing */
function ways(isFactorMissing) {
  /** @type {[string, string][]} */
  const factors = isFactorMissing ? [[SECURITY, t('refusal.security')]] : [];
  return links(['../account/', t('refusal.account')], ...factors);
}
