/** What an application asks for, and what the user decides. `GET /oauth/authorize` leads here. */

import { Problem, call } from '../api.js';
import { h } from '../dom.js';
import { form } from '../forms.js';
import { suggest, t } from '../i18n.js';
import { again, go, href } from '../router.js';
import { authorized, current } from '../session.js';
import { prove, sensitive } from '../step-up.js';
import { forget, load, save } from '../storage.js';
import { otherAccount, signedInAs } from './decider.js';
import { card, links, turn } from './parts.js';
import { wish } from './scopes.js';

const PATH = 'oauth/authorize';
/** How long the service answers a request, in milliseconds. */
const LIFE = 30 * 60_000;

/** @param {import('../pages.js').Context} context */
export async function authorize({ signal }) {
  const given = new URLSearchParams(location.hash.slice(1));
  const sealed = given.get('request');
  if (sealed) {
    keep(sealed);
    // A request is for one decision: neither the history nor a bookmark contains it.
    history.replaceState(null, '', href('authorize'));
    if (await takeHints(given)) {
      again();
      return h('div');
    }
  }
  const request = load('authorization');
  if (given.has('error') || !request) return unusable();
  if (current()) forget('next');
  try {
    const answer = await send(request);
    // The page may have been shown again in the meantime. Only one of the two may approve.
    if (signal.aborted) return h('div');
    if (answer.redirect_to) return leave(answer.redirect_to);
    if (answer.consent_required) return await question(request, answer);
    const gone = await send(request, 'continue');
    // What the user had allowed may have been withdrawn meanwhile.
    return gone.redirect_to ? leave(gone.redirect_to) : await question(request, gone);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.code === 'invalid_authorization_request') return unusable();
    if (problem.code === 'insufficient_user_authentication') return await proof(request, problem);
    if (problem.code === 'invalid_token' && !current()) return signIn();
    throw problem;
  }
}

/** Stores a request until it is decided: users who have to sign in come back to it. @param {string} request */
function keep(request) {
  save('authorization', request, Date.now() + LIFE);
}

/**
 * Takes what the application supposes of its user. Returns whether the page has another language now.
 * @param {URLSearchParams} given
 */
async function takeHints(given) {
  const name = given.get('login_hint');
  if (name && !current()) save('draft.name', name);
  return suggest((given.get('ui_locales') ?? '').split(' '));
}

/**
 * Asks what there is to decide, or decides.
 * @param {string} request @param {'approve' | 'continue' | 'deny'} [decision]
 */
function send(request, decision) {
  const body = { request, ...(decision && { decision }) };
  return current() ? authorized('POST', PATH, body) : call('POST', PATH, body);
}

function signIn() {
  save('next', 'authorize', Date.now() + LIFE);
  go('login', { replace: true });
  return h('div');
}

/** @param {string} request @param {any} asked */
async function question(request, { client, scopes, resource }) {
  const me = await authorized('GET', 'me');
  const { name } = client;
  const page = card(
    t('authorize.question', { name }),
    wish(name, scopes, resource),
    client.client_url && selfDescribed(client),
    signedInAs(me),
    h('p', { class: 'quiet small' }, t('authorize.target', { host: destination(client.redirect_uri) })),
    decision(() => page, { label: t('authorize.allow'), primary: true }, () =>
      sensitive('POST', PATH, { request, decision: 'approve' }, t('authorize.why')),
    ),
    refusal(() => page, request),
    otherAccount(() => keep(request)),
  );
  return page;
}

/**
 * Says that an application describes itself: the user knows it by the host, and its own words come after that.
 * @param {any} client
 */
function selfDescribed({ name, claimed_name, redirect_uri }) {
  const onDevice = ['localhost', '127.0.0.1', '[::1]'].includes(new URL(redirect_uri).hostname);
  return h(
    'div',
    { class: 'quiet small' },
    h('p', {}, t('authorize.self_described', { name })),
    claimed_name && h('p', {}, t('authorize.claimed_name', { claimed: claimed_name })),
    // Any program on the device can say that it is this application (RFC 8252 §8.6).
    onDevice && h('p', {}, t('authorize.on_device')),
  );
}

/** The host that gets the answer. A native app has none: it registers a scheme. @param {string} uri */
function destination(uri) {
  const { host, protocol } = new URL(uri);
  return host || protocol;
}

/**
 * A button that decides, and sends the browser to the application.
 * @param {() => Element} page
 * @param {{label: string, primary: boolean}} look
 * @param {() => Promise<any>} decide
 */
function decision(page, { label, primary }, decide) {
  return form({
    fields: [],
    button: label,
    primary,
    submit: async () => {
      try {
        turn(page(), ...leave((await decide()).redirect_to).childNodes);
      } catch (problem) {
        if (!(problem instanceof Problem) || problem.code !== 'invalid_authorization_request') throw problem;
        turn(page(), ...unusable().childNodes);
      }
    },
  });
}

/** @param {() => Element} page @param {string} request */
function refusal(page, request) {
  return decision(page, { label: t('authorize.refuse'), primary: false }, () => send(request, 'deny'));
}

/**
 * The application asks for a better or more recent proof than the session has.
 * @param {string} request @param {Problem} demand
 */
async function proof(request, demand) {
  const confirmation = form({
    fields: [h('p', {}, t('authorize.why'))],
    button: t('continue'),
    submit: async () => {
      await prove(demand, t('authorize.why'));
      again();
    },
  });
  const me = await authorized('GET', 'me');
  const page = card(
    t('authorize.proof'),
    signedInAs(me),
    confirmation,
    refusal(() => page, request),
    otherAccount(() => keep(request)),
  );
  // The dialog opens once this page is behind it.
  setTimeout(() => confirmation.isConnected && confirmation.requestSubmit());
  return page;
}

/**
 * Sends the browser to the application. An app of this device may not take over, so the page offers a link, too.
 * @param {string} url
 */
function leave(url) {
  done();
  location.replace(url);
  return card(
    t('authorize.leaving'),
    h('p', {}, t('authorize.leaving_how')),
    h('p', {}, h('a', { href: url }, t('authorize.leaving_link'))),
  );
}

/** The request, or the way to it, is not one that the service answers. Asking again changes nothing. */
function unusable() {
  done();
  return card(
    t('authorize.unusable'),
    h('p', {}, t('problem.invalid_authorization_request')),
    links(current() ? ['', t('profile.title')] : ['login', t('login.title')]),
  );
}

function done() {
  forget('authorization');
  if (load('next') === 'authorize') forget('next');
}
