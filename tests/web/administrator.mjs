// A user with the role admin, in the console.

/** Signs up, gets the role from the operator, and opens the console. @param {import('./person.mjs').Person} person */
export async function openConsole(person) {
  await person.signUp();
  await person.proveAddress();
  await person.service.operate(['users', 'grant', person.email, 'admin']);
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
  await person.fill('Code', await person.code(), question);
  await person.press('Confirm', question);
  await question.waitFor({ state: 'detached' });
}
