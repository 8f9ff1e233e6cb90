/** Requests to the back ends of the app, with the access token of the user. */

import type { Core, Repair } from "./core.ts";
import type { Demand } from "./step-up.ts";
import type { Token } from "./transport.ts";

/** The answer of a back end that another token or a proof of the user may change. */
class Refusal extends Error {
  readonly answer: Response;
  readonly repair: Repair;

  constructor(answer: Response, repair: Repair) {
    super("a back end refused the request");
    this.answer = answer;
    this.repair = repair;
  }
}

/**
 * Sends a request as `fetch` does, with the access token. Answers a step-up challenge (RFC 9470) with a proof of the
 * user, and an expired token with a new one; then it sends the request again. Other answers are returned as they are.
 * @throws TypeError if the URL is of no back end: the token is for those only
 */
export async function fetchBackEnd(
  core: Core,
  backEnds: readonly string[],
  input: string | URL | Request,
  init?: RequestInit,
): Promise<Response> {
  const request = new Request(resolved(input), init);
  const { origin } = new URL(request.url);
  if (!backEnds.includes(origin) && origin !== pageOrigin()) {
    throw new TypeError(`${origin} is none of the backEnds of this client`);
  }
  try {
    return await core.withToken(
      (token) => send(core, request, token),
      (error) => (error instanceof Refusal ? error.repair : undefined),
    );
  } catch (error) {
    if (error instanceof Refusal) return error.answer;
    throw error;
  }
}

async function send(core: Core, request: Request, token: Token, mayRepeat = true): Promise<Response> {
  // The body of a request can be read once.
  const copy = request.clone();
  copy.headers.set("Authorization", `${token.isBound ? "DPoP" : "Bearer"} ${token.value}`);
  const { prover } = core.transport;
  if (token.isBound && prover !== undefined) {
    copy.headers.set("DPoP", await prover.prove({ method: copy.method, url: copy.url, token: token.value }));
  }
  const answer = await fetch(copy);
  const hasNonce = prover?.notice(request.url, answer) ?? false;
  if (answer.status !== 401) return answer;
  const challenge = parseChallenge(answer.headers.get("WWW-Authenticate") ?? "");
  switch (challenge.get("error")) {
    case "use_dpop_nonce":
      return hasNonce && mayRepeat ? send(core, request, token, false) : answer;
    case "invalid_token":
      throw new Refusal(answer, "new token");
    case "insufficient_user_authentication":
      throw new Refusal(answer, demandOf(challenge));
    default:
      return answer;
  }
}

function demandOf(challenge: Map<string, string>): Demand {
  const [acr, age] = [challenge.get("acr_values"), challenge.get("max_age")];
  return { ...(acr !== undefined && { acr_values: acr }), ...(age !== undefined && { max_age: Number(age) }) };
}

/** The length of the longest challenge that is read. Many servers send no longer headers. */
const LONGEST_CHALLENGE = 8192;
/** A word, with its value if it is the name of a parameter. It takes whole words, so that long headers cost no more. */
const WORD = /([\w-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?/g;

/**
 * Returns the parameters of a `WWW-Authenticate` header (RFC 9110 §11.6.1); none if it is too long. If it has several
 * challenges, such as one for each scheme of the token, the first to name a parameter counts.
 */
export function parseChallenge(header: string): Map<string, string> {
  const parameters = new Map<string, string>();
  if (header.length > LONGEST_CHALLENGE) return parameters;
  for (const [, name = "", quoted, plain] of header.matchAll(WORD)) {
    const key = name.toLowerCase();
    const value = quoted?.replace(/\\(.)/g, "$1") ?? plain;
    if (value !== undefined && !parameters.has(key)) parameters.set(key, value);
  }
  return parameters;
}

function pageOrigin(): string | undefined {
  return typeof location === "undefined" ? undefined : location.origin;
}

/** `Request` of a page takes relative URLs, and that of a server does not. */
function resolved(input: string | URL | Request): URL | Request {
  return input instanceof Request ? input : new URL(input, pageOrigin());
}
