/**
 * The fields of a registered client, for a new one and for a change.
 */

import { field, form } from '../forms.js';
import { t } from '../i18n.js';
import { choice, lines, tick } from './fields.js';
import { entries, parseObject } from './typed.js';

/** What a client is until it is said otherwise. */
const NEW = { name: '', redirect_uris: [], post_logout_redirect_uris: [], audiences: [], scopes: [] };
const KINDS = ['public', 'confidential', 'service'];
/** The lists of a client, one entry a line. */
const LISTS = ['redirect_uris', 'post_logout_redirect_uris', 'audiences', 'scopes'];

/**
 * Makes the form. What a service has none of is sent as it is: the service says what is wrong with it.
 * @param {object} what
 * @param {any} [what.client] the client that changes; without it, a new one is described
 * @param {string} what.button
 * @param {(body: object) => Promise<string | void>} what.send
 */
export function clientForm({ client, button, send }) {
  const before = client ?? NEW;
  const name = field({
    name: 'name',
    label: t('client.name'),
    hint: t('client.name_hint'),
    value: before.name,
    attributes: { type: 'text', autocomplete: 'off', maxlength: 100 },
  });
  const kind = choice({
    name: 'kind',
    label: t('client.kind'),
    hint: t('client.kind_hint'),
    value: 'public',
    choices: KINDS.map((value) => [value, t(`client.kind.${value}`)]),
  });
  const firstParty = tick('first_party', t('client.first_party'));
  const bound = tick('dpop_bound_access_tokens', t('client.bound'), client?.dpop_bound_access_tokens);
  const shown = client?.kind === 'service' ? LISTS.filter((list) => !list.endsWith('uris')) : LISTS;
  const lists = shown.map((list) => entryField(list, before[list]));
  const jwks = entryField('jwks', []);
  const fields = [
    name,
    ...(client ? [] : [kind, firstParty]),
    ...lists,
    ...(client?.kind === 'public' ? [] : [jwks]),
    bound,
  ];
  return form({
    fields,
    button,
    primary: !client,
    submit: async (values) => {
      const keys = values.jwks ? parseObject(values.jwks) : undefined;
      if (values.jwks && !keys) return jwks.blame(t('field.jwks'));
      const body = {
        name: values.name,
        ...Object.fromEntries(shown.map((list) => [list, entries(values[list])])),
        ...(keys && { jwks: keys }),
        dpop_bound_access_tokens: bound.isTicked(),
      };
      return send(client ? body : { ...body, kind: values.kind, first_party: firstParty.isTicked() });
    },
    explain: ({ code }) => (code === 'conflict' ? t('client.name_taken') : undefined),
  });
}

/** @param {string} name @param {string[]} before */
function entryField(name, before) {
  const rows = Math.min(Math.max(before.length + 1, 3), 10);
  return lines({ name, label: t(`client.${name}`), hint: t(`client.${name}_hint`), value: before.join('\n'), rows });
}
