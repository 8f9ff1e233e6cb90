/** The step-up: a signed-in user proves their identity again before a sensitive change (RFC 9470). */

import type { Core, Repair } from "./core.ts";
import { isVestibuleError } from "./errors.ts";
import { usePasskey } from "./passkeys.ts";
import type { Token } from "./transport.ts";
import type { ProofMethod, Shape } from "./types.ts";

/** What a request demands. The challenge of a back end names no methods. */
export interface Demand {
  accepted_methods?: string[];
  acr_values?: string;
  max_age?: number;
}

/**
 * What to ask the user for. Each function resolves when the service has accepted the proof; if it rejects, with
 * `invalid_code` or `invalid_credentials` for instance, ask again.
 */
export interface StepUp {
  /** The methods to offer: any one of them. Empty if the account has none that is sufficient. */
  readonly methods: readonly ProofMethod[];
  /** The assurance level that is required, such as `aal2`, if the demand names one. */
  readonly acrValues: string | undefined;
  /** The greatest age of a proof in seconds, if the demand names one. */
  readonly maxAge: number | undefined;
  /** Proves by a code of an authenticator app, a recovery code, or a sent code, for which `method` is required. */
  withCode(code: string, method?: Shape<"CodeMethod">): Promise<void>;
  withPassword(password: string): Promise<void>;
  /** Proves by a passkey. Call it when the user presses a button. */
  withPasskey(signal?: AbortSignal): Promise<void>;
  /** Sends a code, for {@link withCode}. */
  sendCode(method: "email" | "sms"): Promise<Shape<"ChallengeResponse">>;
}

/**
 * Asks the user for a proof, and passes it to a function of the step-up. When it resolves, the request is sent again; a
 * user who cancels is an error of yours, such as a `VestibuleError` with the code `step_up_cancelled`.
 */
export type Prove = (stepUp: StepUp) => Promise<void>;

/** Prepares a step-up for a demand. */
export async function openStepUp(core: Core, demand: Demand): Promise<StepUp> {
  const methods = (demand.accepted_methods as ProofMethod[] | undefined) ?? (await methodsOf(core, demand));
  const send = (body: Shape<"StepUpRequest">) =>
    core.withToken(() => core.keeper.replace((token) => sendProof(core, body, token)), ifExpired);
  return {
    methods,
    acrValues: demand.acr_values,
    maxAge: demand.max_age,
    withCode: (code, method) => send(method === undefined ? { code } : { code, method }),
    withPassword: (password) => send({ password }),
    withPasskey: async (signal) => {
      const challenge = await core.authorized("post", "/2fa/challenge", { body: { method: "passkey" }, signal });
      await send({ passkey: await usePasskey((challenge as Shape<"PasskeyRequestResponse">).options, signal) });
    },
    sendCode: async (method) =>
      (await core.authorized("post", "/2fa/challenge", { body: { method } })) as Shape<"ChallengeResponse">,
  };
}

async function sendProof(core: Core, body: Shape<"StepUpRequest">, token: Token): Promise<Shape<"TokenResponse">> {
  return (await core.transport.send({ method: "post", path: "/step-up", body, token })) as Shape<"TokenResponse">;
}

/** A proof may need another access token, but no other proof. */
function ifExpired(error: unknown): Repair {
  return isVestibuleError(error, "invalid_token", "two_sessions") ? "new token" : undefined;
}

/**
 * Returns what to offer for the challenge of a back end: the second factors of the account; beside them, or without
 * any, the password; and mail for an account with neither.
 */
async function methodsOf(core: Core, { acr_values }: Demand): Promise<ProofMethod[]> {
  const { two_factor: has, has_password } = await core.authorized("get", "/me");
  const held: ProofMethod[] = [];
  if (has.passkey) held.push("passkey");
  if (has.totp) held.push("totp");
  if (has.phone) held.push("sms");
  if (has.recovery_codes_remaining > 0) held.push("recovery_code");
  const { state } = core.keeper;
  // A session that began with a code alone becomes `aal2` by the password, and one that began with it by a code.
  const isPasswordNeeded = acr_values?.includes("aal2") && state.status === "signed_in" && state.session.acr !== "aal2";
  if (has_password && (held.length === 0 || isPasswordNeeded)) held.push("password");
  return held.length > 0 ? held : ["email"];
}
