/** The account: its names, the language of its mails, the export of its data, its deletion. */

import { hasConsole } from '../deployment.js';
import { h } from '../dom.js';
import { emailField, field, form, plain } from '../forms.js';
import { LANGUAGES, moment, t } from '../i18n.js';
import { authorized } from '../session.js';
import { sensitive } from '../step-up.js';
import { deletion } from './deletion.js';
import { passkeyOffer } from './passkeys.js';
import { download, facts, link, section, stack } from './parts.js';
import { withheldRoles } from './withheld-roles.js';

export async function profile() {
  const [me, offer] = await Promise.all([authorized('GET', 'me'), passkeyOffer()]);
  return stack(
    t('profile.title'),
    await withheldRoles(me.withheld_roles),
    offer,
    section(t('profile.account'), overview(me), toConsole(me)),
    section(t('email.title'), email(me)),
    section(t('username.title'), username(me)),
    section(t('locale.title'), locale(me)),
    section(t('export.title'), h('p', {}, t('export.what')), exporting()),
    section(t('delete.title'), h('p', {}, t('delete.what')), deletion(me)),
  );
}

/** The way to the console, which an administrator may have in this session. @param {any} me */
function toConsole({ roles }) {
  return roles.includes('admin') && hasConsole() && h('p', {}, link('../console/', t('profile.console')));
}

/** @param {any} me */
function overview(me) {
  return facts(
    [t('email'), me.email ? [me.email, ' ', verified(me)] : '–'],
    [t('username'), me.username ?? '–'],
    [t('password'), t(me.has_password ? 'password.is_set' : 'password.is_none')],
    [t('profile.id'), h('code', {}, me.id)],
    [t('profile.since'), moment(me.created_at)],
    ...(me.roles.length > 0 ? [/** @type {[string, string]} */ ([t('profile.roles'), me.roles.join(', ')])] : []),
  );
}

/** @param {any} me */
function verified(me) {
  const [kind, text] = me.email_verified ? ['good', t('email.verified')] : ['warn', t('email.unverified')];
  return h('span', { class: `badge ${kind}` }, text);
}

/** @param {any} me */
function email(me) {
  const change = form({
    fields: [emailField({ label: t('email.new') })],
    button: t('email.change'),
    primary: false,
    reset: true,
    submit: async ({ email }) => {
      await sensitive('POST', 'email/change', { email });
      return t('email.change_sent', { email });
    },
  });
  if (!me.email || me.email_verified) return change;
  const prove = form({
    fields: [h('p', {}, t('email.prove'))],
    button: t('verify_email.resend'),
    submit: async () => {
      await authorized('POST', 'email/verify/request', {});
      return t('verify_email.sent');
    },
  });
  return [prove, change];
}

/** @param {any} me */
function username(me) {
  return form({
    fields: [
      field({
        name: 'username',
        label: t('username'),
        hint: t('username.hint'),
        value: me.username ?? '',
        attributes: { type: 'text', autocomplete: 'off', maxlength: 128, ...plain },
      }),
    ],
    button: t('save'),
    primary: false,
    submit: async ({ username }) => {
      await sensitive('PATCH', 'me', { username });
      return t('saved');
    },
  });
}

/** @param {any} me */
function locale(me) {
  const options = Object.entries(LANGUAGES).map(([tag, name]) =>
    h('option', { value: tag, lang: tag, selected: tag === me.locale }, name),
  );
  const select = h('select', { id: 'locale', name: 'locale' }, options);
  return form({
    fields: [h('div', { class: 'field' }, h('label', { for: 'locale' }, t('locale.label')), select)],
    button: t('save'),
    primary: false,
    submit: async () => {
      await authorized('PATCH', 'me', { locale: select.value });
      return t('saved');
    },
  });
}

function exporting() {
  return form({
    fields: [],
    button: t('export.submit'),
    primary: false,
    submit: async () => {
      const everything = await sensitive('GET', 'me/export');
      download('account.json', 'application/json', JSON.stringify(everything, null, 2));
      return t('export.done');
    },
  });
}
