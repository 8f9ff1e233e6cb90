// One service and one browser for the tests of a file.

import { after, before, test } from 'node:test';

import { Person, openBrowser } from './person.mjs';
import { startService } from './service.mjs';

/**
 * Starts a service and a browser for a file's tests, and returns the function that defines a test: a story, with a user
 * whose browser must not have reported any errors at the end.
 * @param {Record<string, string>} [settings] of the service
 * @param {(settings?: Record<string, string>) => Promise<any>} [start] starts the service
 */
export function environment(settings, start = startService) {
  /** @type {any} */
  let service;
  /** @type {any} */
  let browser;
  before(async () => {
    [service, browser] = await Promise.all([start(settings), openBrowser()]);
  });
  after(async () => {
    await browser?.close();
    await service?.stop();
  });
  const meet = (options) => Person.meet(browser, service, options);
  /**
   * @param {string} name
   * @param {(person: Person, meet: typeof meet) => Promise<void>} play
   * @param {object} [options] of the user's browser
   */
  return function story(name, play, options) {
    test(name, { timeout: 240_000 }, async () => {
      const person = await meet(options);
      try {
        await play(person, meet);
      } catch (error) {
        // The reports of the browser often show the cause.
        console.error(
          person.faults,
          person.page.url(),
          await person.page
            .locator('body')
            .innerText()
            .catch(() => ''),
        );
        throw error;
      }
      await person.leave();
    });
  };
}
