// The examples, each in a fresh project with the packed package, against a running service.

import { after, before, test } from 'node:test';

import { startService } from '../../../tests/web/service.mjs';
import { CHECKS, checkWithoutKeys } from './checks.mjs';
import { BackEnd, FRAMEWORK_NAMES, freePort, makeProject } from './project.mjs';

let service;
before(async () => {
  // Users may sign in with a password alone, so that there is something to step up from.
  service = await startService({ TWO_FACTOR_POLICY: 'optional' });
});
after(() => service?.stop());

for (const framework of FRAMEWORK_NAMES) {
  test(`the example for ${framework}`, async (context) => {
    const environment = { VESTIBULE_ISSUER: service.url };
    const project = await makeProject(framework, environment);
    const backEnd = await BackEnd.start(project, environment);
    context.after(() => backEnd.stop());
    for (const [name, check] of Object.entries(CHECKS)) await context.test(name, () => check({ service, backEnd }));

    const isolated = await BackEnd.start(project, { VESTIBULE_ISSUER: `http://127.0.0.1:${await freePort()}` });
    context.after(() => isolated.stop());
    await context.test('without keys', () => checkWithoutKeys({ service, backEnd: isolated }));
  });
}
