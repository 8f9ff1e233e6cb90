/** One registered client. */

import { againAsTyped } from '../../as-typed.js';
import { h } from '../../dom.js';
import { form } from '../../forms.js';
import { moment, t } from '../../i18n.js';
import { go } from '../../router.js';
import { announce } from '../../notice.js';
import { facts, section } from '../../views/parts.js';
import { change, read, wanted } from '../admin.js';
import { clientForm } from '../client-form.js';
import { choice } from '../fields.js';
import { code, dangerous, page } from '../parts.js';
import { handover, keep } from '../secret.js';

/** How long the old secret may be accepted beside the new one, in hours. */
const OVERLAPS = [0, 1, 24, 168, 720];

/** @param {import('../../pages.js').Context} context */
export async function application({ signal }) {
  const client = await read(`clients/${wanted()}`);
  return page(
    client.name,
    { up: ['applications', t('clients.title')] },
    handover(signal, t('client.secret_what', { name: client.name })),
    section(t('client.facts'), overview(client)),
    section(t('client.change'), h('p', {}, t('client.change_what')), changing(client)),
    client.kind !== 'public' && section(t('client.secret'), h('p', {}, t('client.rotate_what')), rotation(client)),
    section(t('client.delete'), h('p', {}, t('client.delete_what')), deletion(client)),
  );
}

/** @param {any} client */
function overview(client) {
  return facts(
    [t('client.id'), code(client.id)],
    [t('client.kind'), t(`client.kind.${client.kind}`)],
    [t('client.owner'), t(client.first_party ? 'client.own' : 'client.of_others')],
    [t('client.since'), moment(client.created_at)],
  );
}

/** @param {any} client */
function changing(client) {
  return clientForm({
    client,
    button: t('save'),
    send: async (body) => {
      await change('PATCH', `clients/${client.id}`, body);
      return t('saved');
    },
  });
}

/** @param {any} client */
function rotation(client) {
  const overlap = choice({
    name: 'overlap_hours',
    label: t('client.overlap'),
    value: '24',
    choices: OVERLAPS.map((hours) => [String(hours), t(`client.overlap.${hours}`)]),
  });
  return form({
    fields: [overlap],
    button: t('client.rotate'),
    primary: false,
    submit: async ({ overlap_hours }) => {
      const { secret } = await change('POST', `clients/${client.id}/secret`, { overlap_hours: Number(overlap_hours) });
      keep({ id: client.id, secret });
      againAsTyped('application');
    },
    explain: ({ code }) => (code === 'not_found' ? t('client.no_secret') : undefined),
  });
}

/** @param {any} client */
function deletion({ id, name }) {
  return dangerous(
    t('client.delete'),
    {
      question: t('client.delete_question', { name }),
      consequence: t('client.delete_what'),
      button: t('client.delete'),
      typed: name,
      act: async () => {
        await change('DELETE', `clients/${id}`);
        announce('client.deleted', 'good', { name });
      },
    },
    () => go('applications', { replace: true }),
  );
}
