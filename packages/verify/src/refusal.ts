// What a request is answered that may not pass: a status, a challenge (RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3), and
// a small body.

/** Why a request may not pass. */
export type RefusalCode =
  | 'token_missing'
  | 'invalid_token'
  | 'invalid_dpop_proof'
  | 'insufficient_user_authentication'
  | 'insufficient_scope'
  | 'insufficient_role'
  | 'insufficient_permission'
  | 'caller_not_allowed'
  | 'unavailable';

const STATUS: Record<RefusalCode, 401 | 403 | 503> = {
  token_missing: 401,
  invalid_token: 401,
  invalid_dpop_proof: 401,
  insufficient_user_authentication: 401,
  insufficient_scope: 403,
  insufficient_role: 403,
  insufficient_permission: 403,
  caller_not_allowed: 403,
  unavailable: 503,
};

/** Codes that are errors of OAuth, which a challenge names. */
const IN_CHALLENGE: readonly RefusalCode[] = [
  'invalid_token',
  'invalid_dpop_proof',
  'insufficient_user_authentication',
  'insufficient_scope',
];

const RETRY_AFTER = '5';

/** The request may not pass. `message` says why, for your log; do not send it to the client. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;
  readonly status: 401 | 403 | 503;
  /** What to answer with. */
  readonly headers: Record<string, string> = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' };
  /** To be sent as JSON: `error` is the code. */
  readonly body: { error: RefusalCode; [parameter: string]: unknown };

  /** `parameters`: what the client needs to do better, such as `max_age`. */
  constructor(code: RefusalCode, reason: string, parameters: Record<string, unknown> = {}) {
    super(reason);
    this.code = code;
    this.status = STATUS[code];
    this.body = { error: code, ...parameters };
    if (this.status === 503) this.headers['Retry-After'] = RETRY_AFTER;
  }

  /** Returns what to answer, for servers that take a `Response`. */
  toResponse(): Response {
    return new Response(JSON.stringify(this.body), { status: this.status, headers: this.headers });
  }
}

/** Which schemes a verifier accepts: bearer tokens, and `DPoP` if proofs are checked. */
export interface Schemes {
  /** The scheme of the request, if it is one of these. */
  used: 'Bearer' | 'DPoP' | undefined;
  /** The algorithms of proofs; absent if bound tokens are refused. */
  algorithms: readonly string[] | undefined;
}

/** Writes the challenge into a refusal that has one. */
export function challenge(refusal: Refusal, { used, algorithms }: Schemes): void {
  const names = IN_CHALLENGE.includes(refusal.code);
  if (!names && refusal.status !== 401) return;
  const isOfDpop = algorithms !== undefined && (used === 'DPoP' || refusal.code === 'invalid_dpop_proof');
  const parameters = names ? parametersOf(refusal) : [];
  const algs = algorithms && [`algs="${algorithms.join(' ')}"`];
  const challenges = [written('Bearer', isOfDpop ? [] : parameters)];
  if (algs) challenges.push(written('DPoP', isOfDpop ? [...parameters, ...algs] : algs));
  // The scheme of the request comes first: some clients read no further.
  if (isOfDpop) challenges.reverse();
  refusal.headers['WWW-Authenticate'] = challenges.join(', ');
}

function parametersOf({ body }: Refusal): string[] {
  const known = ['error', 'scope', 'acr_values', 'max_age'];
  return known.filter((name) => name in body).map((name) => `${name}="${String(body[name])}"`);
}

const written = (scheme: string, parameters: string[]): string => `${scheme} ${parameters.join(', ')}`.trimEnd();
