// Every page of the console, for pictures and for tests of the layout, in any of its languages.

import { endpoint, visit } from './administrator.mjs';
import { PASSWORD } from './person.mjs';

/** The sections without an object, each with the key of its heading. */
const SECTIONS = [
  ['', 'overview.title'],
  ['users', 'users.title'],
  ['invite', 'invite.title'],
  ['applications', 'clients.title'],
  ['new-application', 'client.new'],
  ['providers', 'providers.title'],
  ['webhooks', 'webhooks.title'],
  ['new-webhook', 'webhook.new'],
  ['trail', 'trail.title'],
  ['keys', 'keys.title'],
  ['health', 'health.title'],
];

/**
 * Goes through the console as a new administrator of a service with some users, and calls `take` on each page.
 * @param {any} person whose browser has one language
 * @param {(key: string, values?: Record<string, any>) => string} t the texts of that language
 * @param {(name: string) => Promise<void>} take
 */
export async function walkConsole(person, t, take) {
  // Tests in several languages share a service.
  const domain = person.email.replace('@', '.');
  const shop = `Shop of ${domain}`;
  await populate(person, domain);
  await person.signUp();
  await visit(person);
  await person.at(t('refusal.title'));
  await take('console-refused');
  await person.proveAddress();
  await person.service.operate(['users', 'grant', person.email, 'admin']);
  const { url, close } = await endpoint();
  await create(person, t, { url, shop });
  for (const [name, heading] of SECTIONS) {
    await visit(person, name);
    await person.at(t(heading));
    await take(`console-${name || 'overview'}`);
  }
  await visit(person, 'nothing');
  await person.at(t('missing.title'));
  await take('console-missing');
  await visit(person, 'users?state=codes_disabled');
  await person.sees(t('users.not_found'));
  await take('console-users-none');
  await objects(person, t, { url, shop, email: `ada@${domain}` }, take);
  close();
}

/** Makes users within a day. More and more wrong passwords are tried on them, so that the last one has to wait. */
export async function populate({ service }, domain = 'example.com') {
  for (const [number, name] of ['ada', 'grace', 'alan', 'barbara', 'edsger'].entries()) {
    const email = `${name}@${domain}`;
    await service.call('POST', '/register', { email, password: PASSWORD });
    for (let tries = 0; tries < number + 1; tries += 1) {
      await service.call('POST', '/login', { email, password: 'this is not it' }).catch(() => {});
    }
    await service.advance(3 * 3600);
  }
}

/** A registered application and a webhook, each with the secret that is shown once. */
async function create(person, t, { url, shop }) {
  await visit(person, 'new-application');
  await person.at(t('client.new'));
  await person.fill(t('client.name'), shop);
  await person.page.getByLabel(t('client.kind')).selectOption('confidential');
  await person.fill(t('client.redirect_uris'), 'https://shop.example.com/callback');
  await person.press(t('client.register'));
  await person.at(shop);
  await visit(person, 'new-webhook');
  await person.at(t('webhook.new'));
  await person.fill(t('webhook.url'), url);
  await person.press(t('webhook.create'));
  await person.at(url);
  await person.press(t('webhook.test'));
  await person.page.getByRole('row', { name: /webhook\.test/ }).waitFor();
}

/** The pages of single objects, a secret that is shown once, and a question. */
async function objects(person, t, { url, shop, email }, take) {
  await visit(person, 'webhooks');
  await person.follow(url);
  await person.at(url);
  await take('console-webhook');
  await visit(person, 'applications');
  await person.follow(shop);
  await person.at(shop);
  await person.press(t('client.rotate'));
  await person.sees(t('secret.title'));
  await take('console-application');
  await visit(person, 'trail?event=authn_login_fail');
  await person.at(t('trail.title'));
  await person.page.locator('#main tbody').getByRole('button').first().click();
  await take('console-trail-filtered');
  await visit(person, `users?query=${email}`);
  await person.follow(email);
  await person.at(email);
  await take('console-user');
  await person.press(t('user.delete'), person.part(t('user.delete')));
  await person.page.getByRole('dialog').waitFor();
  await take('console-question');
  await person.press(t('cancel'), person.page.getByRole('dialog'));
  // The administrator's own account, with its session.
  await visit(person, `users?query=${person.email}`);
  await person.follow(person.email);
  await person.at(person.email);
  await take('console-user-own');
  await person.part(t('sessions.title')).getByRole('row').getByRole('button').first().click();
  await person.page.getByRole('dialog').waitFor();
  await take('console-question-session');
  await person.press(t('cancel'), person.page.getByRole('dialog'));
}
