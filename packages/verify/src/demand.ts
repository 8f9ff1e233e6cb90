// What a route demands of its caller beside a valid token.

import type { Caller, CallerKind } from './claims.ts';
import { onlyKnown } from './options.ts';
import { Refusal } from './refusal.ts';

/** What a route demands. Where a list is given, all of it is demanded; of the kinds, one. */
export interface Demand {
  /**
   * Who may call. By default a user in person; or, if `scope` is given, applications, services and scripts with these
   * scopes.
   */
  kind?: CallerKind | readonly CallerKind[];
  /** Scopes of callers that are not a user in person: such a caller may do no more than these say. */
  scope?: string | readonly string[];
  role?: string | readonly string[];
  permission?: string | readonly string[];
  /** `aal2`: two different factors. */
  acr?: 'aal1' | 'aal2';
  /** A kind of proof, such as `pop`, a passkey. */
  amr?: string | readonly string[];
  /** Seconds since the proof, at most: a whole number. Demands `acr: 'aal2'` too, unless you say otherwise. */
  maxAge?: number;
}

/** A demand after its check. */
export type Check = (caller: Caller<unknown>) => void;

const KNOWN = ['kind', 'scope', 'role', 'permission', 'acr', 'amr', 'maxAge'];
/** What a scope may have (RFC 6749 §3.3): it is in quotes in the challenge. */
const WORD = /^[!#-[\]-~]+$/;
const KINDS: readonly string[] = ['user', 'application', 'service', 'api_key'];

/** Checks a demand, and returns the function that throws a `Refusal` for callers that do not meet it. */
export function checkOf(demand: Demand): Check {
  onlyKnown(demand, KNOWN, 'demand');
  for (const [name, value] of Object.entries(demand)) {
    // Such as a role from a variable of the environment that is not set: the route would be open to all users.
    if (value === undefined) throw new TypeError(`the demand ${name} is undefined`);
  }
  const scopes = listOf(demand.scope, 'scope');
  const roles = listOf(demand.role, 'role');
  const permissions = listOf(demand.permission, 'permission');
  const kinds = kindsOf(listOf(demand.kind, 'kind'), scopes);
  const stepUp = stepUpOf(demand);
  return (caller) => {
    if (!kinds.includes(caller.kind)) throw new Refusal('forbidden', `this is not for the kind ${caller.kind}`);
    if (caller.kind !== 'user' && !covers(caller.scopes, scopes)) {
      throw new Refusal('insufficient_scope', 'the token lacks a scope', { scope: scopes.join(' ') });
    }
    // Before the roles: the service withholds a role that requires a second factor until there is one.
    stepUp(caller);
    if (!covers(caller.roles, roles)) throw new Refusal('forbidden', 'the caller lacks a role');
    if (!covers(caller.permissions, permissions)) throw new Refusal('forbidden', 'the caller lacks a permission');
  };
}

/** Returns who may call. */
function kindsOf(given: string[], scopes: string[]): string[] {
  if (!given.every((kind) => KINDS.includes(kind))) throw new TypeError(`kind must be of ${KINDS.join(', ')}`);
  if (given.length === 0) return KINDS.filter((kind) => (kind === 'user') === (scopes.length === 0));
  // A scope that no allowed caller is asked for would protect nothing.
  if (scopes.length > 0 && given.every((kind) => kind === 'user')) throw new TypeError('users have no scope');
  // What a user allowed an application is in its scopes and nowhere else.
  if (scopes.length === 0 && given.includes('application')) throw new TypeError('name a scope for applications');
  return given;
}

/** Returns the check of how and when the user proved who they are. */
function stepUpOf({ acr, maxAge, amr: methods }: Demand): Check {
  const amr = listOf(methods, 'amr');
  // A text would be compared as a number, and no proof is older than `Infinity`.
  if (maxAge !== undefined && !(Number.isSafeInteger(maxAge) && maxAge > 0)) {
    throw new TypeError('maxAge must be a whole number of seconds');
  }
  if (acr !== undefined && acr !== 'aal1' && acr !== 'aal2') throw new TypeError('acr must be aal1 or aal2');
  const level = acr ?? (maxAge === undefined ? undefined : 'aal2');
  if (level === undefined && amr.length === 0) return () => {};
  const wanted = {
    ...(level === 'aal2' && { acr_values: 'aal2' }),
    ...(maxAge !== undefined && { max_age: maxAge }),
    ...(amr.length > 0 && { amr }),
  };
  return ({ sid, claims }) => {
    // A service or a script has no user who could give a proof, so no challenge would help it.
    if (sid === undefined) throw new Refusal('forbidden', 'this is for a user in person');
    const isEnough = level === 'aal2' ? claims.acr === 'aal2' : typeof claims.acr === 'string';
    const age = Date.now() / 1000 - (typeof claims.auth_time === 'number' ? claims.auth_time : -Infinity);
    if (isEnough && age <= (maxAge ?? Infinity) && covers(claims.amr ?? [], amr)) return;
    throw new Refusal('insufficient_user_authentication', 'the proof is too old or too weak', wanted);
  };
}

const covers = (all: readonly string[], demanded: readonly string[]) => demanded.every((one) => all.includes(one));

function listOf(value: string | readonly string[] | undefined, name: string): string[] {
  if (value === undefined) return [];
  const list = typeof value === 'string' ? [value] : [...value];
  if (list.length === 0 || !list.every((one) => typeof one === 'string' && WORD.test(one))) {
    throw new TypeError(`${name} must be a word or a list of words`);
  }
  return list;
}
