/**
 * Where the browser comes back to from a provider: completes the sign-in, or connects the provider to the account. Also
 * asks whether to connect it, after the sign-in that it takes first.
 */

import { Cancelled, Problem, call } from '../api.js';
import { h } from '../dom.js';
import { take } from '../federation.js';
import { form } from '../forms.js';
import { t } from '../i18n.js';
import { enter } from '../pending.js';
import { again, go, here, href } from '../router.js';
import { authorized, current } from '../session.js';
import { sensitive } from '../step-up.js';
import { forget, load, save } from '../storage.js';
import { signedInAs } from './decider.js';
import { card, links } from './parts.js';
import { continueWith, explainProvider } from './providers.js';

/** How long the question whether to connect a provider waits for a sign-in, in milliseconds. */
const PATIENCE = 30 * 60_000;

/** @typedef {() => Node} View */

/**
 * The answer of a provider, until it is used. In the fragment is what the service found wrong with an answer that is of
 * no sign-in.
 * @type {URLSearchParams | undefined}
 */
let answer;
if (here() === 'federation') {
  answer = new URLSearchParams(location.search || location.hash.slice(1));
  // Before any request: a code is for one use, so neither the history nor a bookmark contains it.
  history.replaceState(null, '', href('federation'));
}

/**
 * What the page shows after an answer. It is in memory only, and survives the choice of another language.
 * @type {View | undefined}
 */
let result;

/** @param {import('../pages.js').Context} context */
export async function federation({ signal }) {
  signal.addEventListener('abort', () => {
    if (here() !== 'federation') result = undefined;
  });
  const given = answer;
  answer = undefined;
  if (given?.has('state') || given?.has('error')) receive(given);
  if (result) return result();
  const connecting = load('connect');
  if (connecting) return current() ? question(connecting) : elsewhere('login');
  // The page was loaded again, and the answer is used.
  return elsewhere(current() ? 'security' : 'login');
}

/** @param {string} page */
function elsewhere(page) {
  go(page, { replace: true });
  return h('div');
}

/** Uses the answer of a provider. @param {URLSearchParams} given */
function receive(given) {
  const started = take(given.get('state') ?? '');
  if (!started) {
    result = unknown;
    return;
  }
  const { provider, linking } = started;
  const error = given.get('error');
  if (error) {
    result = () => notSignedIn(started, error);
  } else if (linking && !current()) {
    result = () => ended(provider.name);
  } else if (!linking && current()) {
    result = () => alreadySignedIn(provider.name);
  } else {
    result = () => card(t('federation.title'), h('p', { role: 'status' }, t('federation.busy', provider)));
    finish(started, given);
  }
}

/** @typedef {import('../federation.js').Started} Started */

/** @param {Started} started @param {URLSearchParams} given what the provider answered */
async function finish(started, given) {
  const { provider, token, linking, emailToken } = started;
  const path = `federation/${provider.id}/finish`;
  const body = {
    federation_token: token,
    code: given.get('code') ?? '',
    state: given.get('state'),
    iss: given.get('iss') ?? undefined,
    email_token: emailToken,
  };
  try {
    const done = linking
      ? await sensitive('POST', path, body, t('federation.connect_why', provider))
      : await call('POST', path, { ...body, delivery: 'cookie' });
    if (emailToken) forget('link');
    succeed(started, done);
  } catch (problem) {
    if (problem instanceof Cancelled) tell(() => notSignedIn(started, 'access_denied'));
    else if (problem instanceof Problem && problem.code === 'provider_unavailable') later(started, given, problem);
    else if (problem instanceof Problem) tell(() => failed(started, problem));
    else throw problem;
  }
}

/** Shows a result, unless the user has left the page meanwhile. @param {View} view */
function tell(view) {
  if (here() !== 'federation') return;
  result = view;
  again();
}

/** @param {Started} started @param {any} done */
function succeed({ provider }, done) {
  if (done.status === 'linked') {
    const next = load('connect')?.next;
    forget('connect');
    tell(() => connected(provider.name, done.identity.email, next));
  } else if (done.status === 'link_required') {
    tell(() => linkRequired(provider));
  } else {
    result = undefined;
    go(enter(done), { replace: true });
  }
}

/** An answer that this tab did not ask for, or too long ago. Nothing is sent to the service. */
function unknown() {
  return card(t('federation.unknown'), h('p', {}, t('federation.unknown_how')), home());
}

function home() {
  return links(current() ? ['security', t('security.title')] : ['login', t('login.title')]);
}

/** The way back to the page where a sign-in was started. @param {Started} started */
function back({ linking, emailToken }) {
  if (linking) return links(['security', t('security.title')]);
  return links(...(emailToken ? [way('verify-email', 'verify_email.title')] : []), way('login', 'login.title'));
}

/** @param {string} page @param {string} title @returns {[string, string]} */
function way(page, title) {
  return [page, t(title)];
}

/** @param {Started} started */
function retry({ provider, linking, emailToken }) {
  return continueWith(provider, { linking, emailToken, primary: true });
}

/** The provider sent no code. @param {Started} started @param {string} error */
function notSignedIn(started, error) {
  const isCancelled = error === 'access_denied';
  return card(
    t(isCancelled ? 'federation.denied' : 'federation.refused', started.provider),
    h('p', {}, t(isCancelled ? 'federation.denied_how' : 'federation.refused_how')),
    retry(started),
    back(started),
  );
}

/** @param {string} name */
function ended(name) {
  return card(t('trouble.title'), h('p', {}, t('federation.ended', { name })), links(way('login', 'login.title')));
}

/** A browser has only one session, and the account may be another one. @param {string} name */
function alreadySignedIn(name) {
  return card(
    t('federation.title'),
    h('p', {}, t('federation.signed_in', { name })),
    links([load('next') ?? '', t('continue')]),
  );
}

/**
 * The provider cannot be asked at the moment, so its answer may not be used up: the same one is sent again, when the
 * service asks the provider again. If it was, the provider refuses it, and the user starts again.
 * @param {Started} started @param {URLSearchParams} given @param {Problem} problem
 */
function later(started, given, { retryAfter }) {
  const notBefore = Date.now() + retryAfter * 1000;
  const about = () => h('p', {}, t('federation.provider_unavailable', started.provider));
  tell(() =>
    card(
      t('trouble.title'),
      form({ fields: [about()], button: t('federation.again'), notBefore, submit: () => finish(started, given) }),
      back(started),
    ),
  );
}

/** The codes of what a second try does not change. */
const FINAL = ['conflict', 'forbidden', 'identity_taken', 'invalid_credentials', 'not_found'];

/** @param {Started} started @param {Problem} problem */
function failed(started, problem) {
  const { provider, linking } = started;
  if (problem.code === 'email_not_verified') return unverified(provider.name);
  const text = () => {
    if (linking && problem.code === 'conflict') return t('identities.too_many');
    if (linking) return explainProvider(problem, provider.name);
    if (problem.code === 'forbidden') return t('federation.closed', provider);
    if (problem.code === 'invalid_credentials') return t('federation.unusable', provider);
    return explainProvider(problem, provider.name);
  };
  const isFinal = FINAL.includes(problem.code);
  return card(t('trouble.title'), h('p', {}, text()), !isFinal && retry(started), back(started));
}

/** @param {string} name */
function unverified(name) {
  return card(
    t('look_at_mail'),
    h('p', {}, t('federation.unverified', { name })),
    links(way('login', 'login.title')),
  );
}

/**
 * An account has the address, which does not show that it is the user's: they sign in to it first.
 * @param {import('../federation.js').Provider} provider
 */
function linkRequired(provider) {
  const signIn = () => {
    const next = load('next');
    save('connect', { ...provider, next }, Date.now() + PATIENCE);
    save('next', 'federation', Date.now() + PATIENCE);
    go('login');
  };
  return card(
    t('federation.link_required'),
    h('p', {}, t('federation.link_required_how', { name: provider.name })),
    h(
      'button',
      { type: 'button', class: 'primary', on: { click: signIn } },
      t('federation.link_required_next', { name: provider.name }),
    ),
    links(way('login', 'back')),
  );
}

/** @param {import('../federation.js').Provider & {next?: string}} provider */
async function question(provider) {
  const leave = () => {
    forget('connect');
    go(provider.next ?? '', { replace: true });
  };
  forget('next');
  return card(
    t('federation.question', { name: provider.name }),
    signedInAs(await authorized('GET', 'me')),
    h('p', {}, t('federation.question_how', { name: provider.name })),
    continueWith(provider, { linking: true, primary: true }),
    h('button', { type: 'button', on: { click: leave } }, t('federation.not_now')),
  );
}

/**
 * Names the connected account: the browser may have been signed in to another one than the user's at the provider.
 * @param {string} name
 * @param {string | undefined} email of the account at the provider, if the provider told it
 * @param {string} [next] the page that the user requested before
 */
function connected(name, email, next) {
  return card(
    t('federation.connected', { name }),
    email && h('p', {}, t('federation.connected_account', { name }), ' ', h('strong', { class: 'whole' }, email)),
    h('p', {}, t('federation.connected_how', { name })),
    links(...(next && next !== 'security' ? [way(next, 'continue')] : []), way('security', 'security.title')),
  );
}
