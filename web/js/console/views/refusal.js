/** What a user without the role, or without the second factor that it needs, sees in the place of a page. */

import { h } from '../../dom.js';
import { t } from '../../i18n.js';
import { authorized } from '../../session.js';
import { card, links } from '../../views/parts.js';
import { withheldRoles } from '../../views/withheld-roles.js';

/** @param {import('../../api.js').Problem} problem */
export async function refusal({ code, members }) {
  const isImpossible = code === 'insufficient_user_authentication' && members.accepted_methods.length === 0;
  if (isImpossible) return card(t('refusal.factor'), h('p', {}, t('refusal.factor_how')), ways());
  if (code !== 'forbidden') return undefined;
  const me = await authorized('GET', 'me');
  const withheld = me.withheld_roles.filter((/** @type {any} */ { role }) => role === 'admin');
  return card(
    t('refusal.title'),
    withheld.length === 0 && h('p', {}, t('refusal.what', { name: me.email ?? me.username ?? me.id })),
    await withheldRoles(withheld, SECURITY),
    ways(),
  );
}

/** Where second factors are set up. */
const SECURITY = '../account/security';

function ways() {
  return links(['../account/', t('refusal.account')], [SECURITY, t('refusal.security')]);
}
