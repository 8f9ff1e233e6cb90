/** Buttons that continue with an account of another service. */

import { Problem } from '../api.js';
import { fill, h } from '../dom.js';
import { getProviders, knownProviders, start } from '../federation.js';
import { form } from '../forms.js';
import { t } from '../i18n.js';
import { problemText } from '../problems.js';

/** @typedef {import('../federation.js').Provider} Provider */

/**
 * Offers the providers of this deployment, if there are any. It stands at the end of a page: what is above it does not
 * move when the service has named them. There may be links above it, so its divider says what is below.
 * @param {{how?: string, except?: string, emailToken?: string}} [options] a text above the buttons; the id of a
 *   provider that is not offered; the token of a mail that the sign-in uses
 */
export function otherWays({ how, except, emailToken } = {}) {
  const place = h('div', { class: 'stack', role: 'group', 'aria-label': t('federation.ways'), hidden: true });
  const show = (/** @type {Provider[]} */ providers) => {
    const offered = providers.filter(({ id }) => id !== except);
    if (offered.length === 0) return;
    fill(
      place,
      h('p', { class: 'divider' }, h('span', {}, t(how ? 'or' : 'federation.ways'))),
      how && h('p', {}, how),
      offered.map((provider) => continueWith(provider, { emailToken })),
    );
    place.hidden = false;
  };
  const known = knownProviders();
  if (known) show(known);
  else getProviders().then(show, silent);
  return place;
}

/** Without an answer the page offers its own ways only. @param {unknown} problem */
function silent(problem) {
  if (!(problem instanceof Problem)) throw problem;
}

/**
 * A button that goes to a provider.
 * @param {Provider} provider
 * @param {{linking?: boolean, emailToken?: string, primary?: boolean}} [options]
 */
export function continueWith(provider, { primary = false, ...purpose } = {}) {
  const { name } = provider;
  return form({
    fields: [],
    button: [mark(name), h('span', {}, t(purpose.linking ? 'federation.connect' : 'federation.continue', { name }))],
    primary,
    submit: async () => {
      await start(provider, purpose);
    },
    explain: (problem) => explainProvider(problem, name),
  });
}

/**
 * The first letter of a name. The logos of providers are not drawn here: most may be shown only as their owners made
 * them, and the provider of a company has none that is known.
 * @param {string} name
 */
function mark(name) {
  return h('span', { class: 'mark', 'aria-hidden': 'true' }, [...name.toLocaleUpperCase()][0]);
}

/** The codes whose text names the provider. */
const NAMED = ['provider_refused', 'provider_untrusted', 'provider_unavailable', 'address_missing', 'identity_taken'];

/** @param {Problem} problem @param {string} name of the provider */
export function explainProvider(problem, name) {
  if (NAMED.includes(problem.code)) return t(`federation.${problem.code}`, { name });
  if (problem.code === 'not_found') return t('federation.not_found', { name });
  return problemText(problem);
}
