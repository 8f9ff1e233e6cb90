/** One account, and what administrators do about it. */

import { againAsTyped } from '../../as-typed.js';
import { h } from '../../dom.js';
import { field, form, plain } from '../../forms.js';
import { languageName, moment, t } from '../../i18n.js';
import { go } from '../../router.js';
import { announce } from '../../notice.js';
import { facts, section } from '../../views/parts.js';
import { change, isOwn, read, wanted } from '../admin.js';
import { lines } from '../fields.js';
import { code, dangerous, leading, page } from '../parts.js';
import { entries, parseObject } from '../typed.js';
import { devices, identities, sessions } from './user-access.js';
import { factorNames, nameOf, states } from './users.js';

export async function user() {
  const path = `users/${wanted()}`;
  const [account, sessionList, deviceList] = await Promise.all([
    read(path),
    read(`${path}/sessions`),
    read(`${path}/devices`),
  ]);
  const actions = leading(`trail?user_id=${account.id}`, t('user.events'));
  return page(
    nameOf(account),
    { up: ['users', t('users.title')], actions },
    section(t('user.account'), overview(account), isOwn(account.id) && h('p', { class: 'quiet' }, t('user.own'))),
    section(
      t('user.lock'),
      h('p', {}, t(account.disabled ? 'user.enable_what' : 'user.disable_what')),
      locking(account),
    ),
    section(t('users.roles'), roles(account)),
    section(t('user.claims'), claims(account)),
    section(t('users.factors'), factors(account)),
    sessions(account, sessionList),
    devices(account, deviceList),
    identities(account),
    section(t('user.delete'), h('p', {}, t('user.delete_what')), deletion(account)),
  );
}

/** @param {any} account */
function overview(account) {
  return facts(
    [t('users.state'), states(account)],
    [t('email'), account.email ?? '–'],
    [t('username'), account.username ?? '–'],
    [t('password'), t(account.has_password ? 'password.is_set' : 'user.no_password')],
    [t('locale.label'), languageName(account.locale)],
    [t('users.since'), moment(account.created_at)],
    [t('user.id'), code(account.id)],
  );
}

/** The problem of an act that administrators may not do to themselves. @param {any} account */
function explainOwn({ id }) {
  return (/** @type {import('../../api.js').Problem} */ { code }) =>
    code === 'conflict' && isOwn(id) ? t('user.not_own') : undefined;
}

/** @param {any} account */
function locking(account) {
  const name = nameOf(account);
  const path = `users/${account.id}`;
  if (account.disabled || account.password_disabled_at) {
    const enable = form({
      fields: [],
      button: t('user.enable'),
      submit: async () => {
        await change('PATCH', path, { disabled: false });
        announce('user.enabled', 'good', { name });
        againAsTyped('user');
      },
    });
    if (account.disabled) return enable;
    return [h('p', {}, t('user.password_enable_what')), enable, disabling(account)];
  }
  return disabling(account);
}

/** @param {any} account */
function disabling(account) {
  const name = nameOf(account);
  return dangerous(t('user.disable'), {
    question: t('user.disable_question', { name }),
    consequence: t('user.disable_what'),
    button: t('user.disable'),
    act: async () => {
      await change('PATCH', `users/${account.id}`, { disabled: true });
      announce('user.was_disabled', 'good', { name });
    },
    explain: explainOwn(account),
  });
}

/** @param {any} account */
function roles(account) {
  return form({
    fields: [
      field({
        name: 'roles',
        label: t('user.roles_label'),
        hint: t('user.roles_hint'),
        value: account.roles.join(' '),
        required: false,
        attributes: { type: 'text', autocomplete: 'off', maxlength: 2200, ...plain },
      }),
    ],
    button: t('save'),
    primary: false,
    submit: async ({ roles }) => {
      await change('PATCH', `users/${account.id}`, { roles: entries(roles) });
      return t('user.roles_saved');
    },
    explain: ({ code }) =>
      code === 'conflict' ? t(isOwn(account.id) ? 'user.not_own' : 'user.roles_unverified') : undefined,
  });
}

/** @param {any} account */
function claims(account) {
  const before = JSON.stringify(account.claims, null, 2);
  const given = lines({
    name: 'claims',
    label: t('user.claims_label'),
    hint: t('user.claims_hint'),
    value: before,
    rows: 6,
  });
  return form({
    fields: [given],
    button: t('save'),
    primary: false,
    submit: async ({ claims }) => {
      const parsed = parseObject(claims || '{}');
      if (!parsed) return given.blame(t('field.claims'));
      await change('PATCH', `users/${account.id}`, { claims: parsed });
      return t('user.claims_saved');
    },
  });
}

/** @param {any} account */
function factors(account) {
  const name = nameOf(account);
  const names = account.passkeys.map((/** @type {any} */ passkey) => passkey.name).join(', ');
  return [
    facts(
      [t('user.set_up'), factorNames(account.two_factor) || t('users.no_factor')],
      [t('passkey.title'), names || '–'],
      [t('recovery_codes.title'), String(account.two_factor.recovery_codes_remaining)],
    ),
    h('p', {}, t('user.reset_what')),
    dangerous(t('user.reset'), {
      question: t('user.reset_question', { name }),
      consequence: t('user.reset_check'),
      button: t('user.reset'),
      act: async () => {
        await change('DELETE', `users/${account.id}/2fa`);
        announce('user.was_reset', 'good', { name });
      },
      explain: ({ code }) =>
        code === 'conflict' ? t(isOwn(account.id) ? 'user.not_own' : 'user.no_way_back') : undefined,
    }),
  ];
}

/** @param {any} account */
function deletion(account) {
  const name = nameOf(account);
  return dangerous(
    t('user.delete'),
    {
      question: t('user.delete_question', { name }),
      consequence: t('user.delete_what'),
      button: t('user.delete'),
      typed: name,
      act: async () => {
        await change('DELETE', `users/${account.id}`);
        announce('user.was_deleted', 'good', { name });
      },
      explain: explainOwn(account),
    },
    () => go('users', { replace: true }),
  );
}
