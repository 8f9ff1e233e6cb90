// The packed package and the libraries of its tests, which `prepare` installed.

import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const PLACE = `${ROOT}target/packages/verify`;

const { resolve } = createRequire(`${PLACE}/installed/`);
const load = (name) => import(pathToFileURL(resolve(name)).href);

export const jose = await load('jose');
export const dpop = await load('dpop');
export const otplib = await load('otplib');
export const { createVerifier, Refusal } = await load('@vestibule/verify');

/** Returns a module of the package that is not public. */
export const moduleOf = (name) => import(new URL(`./${name}.js`, pathToFileURL(resolve('@vestibule/verify'))).href);

/** Returns the refusal of a request. */
export async function refusalOf(checking) {
  const found = await checking.then(
    (caller) => new Error(`accepted ${caller.sub}`),
    (error) => error,
  );
  if (!(found instanceof Refusal)) throw found;
  return found;
}
