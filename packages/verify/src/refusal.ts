// What a request is answered that may not pass: a status, a challenge (RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3), and
// a small body.

/** Why a request may not pass: the problem codes of the service, so that clients need no others. */
export type RefusalCode =
  | 'invalid_token'
  | 'invalid_dpop_proof'
  | 'insufficient_user_authentication'
  | 'insufficient_scope'
  | 'forbidden'
  | 'service_unavailable';

const STATUS: Record<RefusalCode, 401 | 403 | 503> = {
  invalid_token: 401,
  invalid_dpop_proof: 401,
  insufficient_user_authentication: 401,
  insufficient_scope: 403,
  forbidden: 403,
  service_unavailable: 503,
};

const RETRY_AFTER = '5';

/** The request may not pass. `message` says why, for your log; do not send it to the client. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;
  readonly status: 401 | 403 | 503;
  /** What to answer with. */
  readonly headers: Record<string, string> = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' };
  /** To be sent as JSON. */
  readonly body: { code: RefusalCode; [parameter: string]: unknown };

  /** `parameters`: what the client needs to do better, such as `max_age`. */
  constructor(code: RefusalCode, reason: string, parameters: Record<string, unknown> = {}) {
    super(reason);
    this.code = code;
    this.status = STATUS[code];
    this.body = { code, ...parameters };
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
  if (refusal.status !== 401 && refusal.code !== 'insufficient_scope') return;
  // A request without a token is told no error (RFC 6750 §3.1).
  const parameters = used === undefined ? [] : parametersOf(refusal);
  const challenges = [written('Bearer', used === 'DPoP' ? [] : parameters)];
  if (algorithms) {
    const algs = `algs="${algorithms.join(' ')}"`;
    challenges.push(written('DPoP', used === 'DPoP' ? [...parameters, algs] : [algs]));
  }
  // The scheme of the request comes first: some clients read no further.
  if (used === 'DPoP') challenges.reverse();
  refusal.headers['WWW-Authenticate'] = challenges.join(', ');
}

function parametersOf({ code, body }: Refusal): string[] {
  const more = ['scope', 'acr_values', 'max_age'].filter((name) => name in body);
  return [`error="${code}"`, ...more.map((name) => `${name}="${String(body[name])}"`)];
}

const written = (scheme: string, parameters: string[]): string => `${scheme} ${parameters.join(', ')}`.trimEnd();
