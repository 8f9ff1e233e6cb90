// A user with the role admin, in the console.

import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';

/** Signs up and gets the role from the operator. @param {import('./person.mjs').Person} person */
export async function becomeAdministrator(person) {
  await person.signUp();
  await person.proveAddress();
  await person.service.operate(['users', 'grant', person.email, 'admin']);
}

/** Becomes an administrator, and opens the console. @param {import('./person.mjs').Person} person */
export async function openConsole(person) {
  await becomeAdministrator(person);
  await visit(person);
  await person.at('Overview');
}

/** Opens a page of the console. @param {import('./person.mjs').Person} person */
export async function visit(person, name = '') {
  await person.page.goto(`${person.service.url}/console/${name}`);
}

/** Goes to a section, by the navigation. @param {import('./person.mjs').Person} person @param {string} name */
export async function section(person, name) {
  await person.page.locator('#side').getByRole('link', { name, exact: true }).click();
  await person.at(name);
}

/** The dialog that is open, or the uppermost one. @param {import('./person.mjs').Person} person */
export function dialog(person) {
  return person.page.getByRole('dialog').last();
}

/** Presses a button of a section, and answers its question. @param {import('./person.mjs').Person} person */
export async function insist(person, heading, button) {
  await person.press(button, person.part(heading));
  await person.press(button, dialog(person));
}

/** Gives the proof that the service demands. @param {import('./person.mjs').Person} person */
export async function prove(person) {
  const question = person.page.getByRole('dialog', { name: 'Is it you?' });
  await question.waitFor();
  // The last digit sends it.
  await person.fill('Code', await person.code(), question);
  await question.waitFor({ state: 'detached' });
}

/** An endpoint of a back end, which keeps the messages that it gets. */
export async function endpoint() {
  const messages = [];
  const server = createServer(async (request, response) => {
    messages.push({ headers: request.headers, body: await json(request) });
    response.writeHead(204).end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A test that fails does not close it.
  server.unref();
  return { url: `http://127.0.0.1:${server.address().port}/hook`, messages, close: () => server.close() };
}
