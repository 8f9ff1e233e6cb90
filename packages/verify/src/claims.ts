// What an access token says about the caller.

/** The claims of an access token (RFC 9068); docs/reference/claims.md of the service explains each. */
export interface AccessTokenClaims<App = Record<string, unknown>> {
  iss: string;
  sub: string;
  aud: string | string[];
  client_id: string;
  exp: number;
  iat: number;
  nbf: number;
  jti: string;
  sid?: string;
  auth_time?: number;
  acr?: string;
  amr?: string[];
  roles?: string[];
  permissions?: string[];
  app?: App;
  email?: string;
  username?: string;
  scope?: string;
  cnf?: { jkt: string };
  [claim: string]: unknown;
}

/**
 * Who has the token: a user in person in the deployment's own client, an application that a user allowed something, a
 * service, or the script of a user with an API key.
 */
export type CallerKind = 'user' | 'application' | 'service' | 'api_key';

/** Who calls. */
export interface Caller<App = Record<string, unknown>> {
  kind: CallerKind;
  /** The id of the user, which never changes; of a service, its own id. */
  sub: string;
  /** The session. Absent for services and scripts. */
  sid: string | undefined;
  /** Of the user, as of the time of issue. Empty if there are none. */
  roles: readonly string[];
  /** What the roles mean. Empty if there are none. */
  permissions: readonly string[];
  /** What an application, a service or a script may do. Empty for a user in person, who may do everything. */
  scopes: readonly string[];
  /** What your back ends keep about the user. Empty if there is nothing. */
  app: Partial<App>;
  /** All claims, as they are in the token. */
  claims: AccessTokenClaims<App>;
}

/** Reads the caller from verified claims. Throws if a claim has a type that it never has. */
export function callerOf<App>(claims: AccessTokenClaims<App>): Caller<App> {
  const { sub, sid, client_id, roles = [], permissions = [], scope, app = {}, amr = [] } = claims;
  const isText = (value: unknown) => typeof value === 'string' && value !== '';
  const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
  const areTexts = (list: unknown) => Array.isArray(list) && list.every(isText);
  const isRight =
    [sub, client_id].every(isText) &&
    (sid === undefined || isText(sid)) &&
    (scope === undefined || typeof scope === 'string') &&
    [roles, permissions, amr].every(areTexts) &&
    isObject(app);
  if (!isRight) throw new Error('a claim has a wrong type');
  const scopes = (scope ?? '').split(' ').filter(isText);
  return { kind: kindOf(claims), sub, sid, roles, permissions, scopes, app: app as Partial<App>, claims };
}

function kindOf({ sub, sid, client_id, scope }: AccessTokenClaims<unknown>): CallerKind {
  // A user's token has no scope only if it is the own client's, which needs none.
  if (sid !== undefined) return scope === undefined ? 'user' : 'application';
  return sub === client_id ? 'service' : 'api_key';
}
