/** What a sign-in and a registration come to, each with the functions to go on. */

import type { Core } from "./core.ts";
import { once } from "./once.ts";
import { createPasskey, usePasskey } from "./passkeys.ts";
import type { Shape } from "./types.ts";
import { type WorkOptions, withWork } from "./work.ts";

/** The user is signed in. */
export interface SignedIn {
  readonly status: "authenticated";
  readonly session: Shape<"Session">;
  /** New recovery codes, which are never shown again; mostly empty. They are in the session state as well. */
  readonly recoveryCodes: readonly string[];
  /** How many unused recovery codes are left, where the service says so. */
  readonly recoveryCodesRemaining: number | undefined;
  /** What to suggest to the user: `replace_authenticator`, `renew_recovery_codes`. */
  readonly advice: readonly string[];
}

/** A second factor is needed. Offer what `methods` lists, the strongest first. */
export interface SecondFactorRequired {
  readonly status: "second_factor_required";
  /** Names this login: `vestibule.secondFactor()` goes on with it, such as in the next request of a server. */
  readonly preAuthToken: string;
  /** The seconds in which the login has to be completed. */
  readonly expiresIn: number;
  /** Empty if none of the account's second factors can complete this login. */
  readonly methods: readonly Shape<"SecondFactorMethod">[];
  /** The method to offer first. */
  readonly defaultMethod: string | undefined;
  /** For how many seconds this device can be trusted; `undefined` if the deployment trusts none. */
  readonly trustedDeviceTtl: number | undefined;
}

/** How to complete a login. */
export interface SecondFactor {
  /**
   * Completes the login with a code of an authenticator app, a recovery code, or a sent code, for which `method` is
   * required.
   */
  verify(code: string, options?: VerifyOptions): Promise<SignedIn>;
  /** Completes the login with a passkey. Call it when the user presses a button. */
  verifyPasskey(options?: Pick<VerifyOptions, "trustDevice" | "signal">): Promise<SignedIn>;
  /** Sends a code, for {@link verify}. */
  sendCode(method: "email" | "sms"): Promise<Shape<"ChallengeResponse">>;
}

/** What goes with a second factor. */
export interface VerifyOptions extends WorkOptions {
  method?: Shape<"CodeMethod"> | undefined;
  /** The user trusts this device, and is not asked for a second factor on it for some time. */
  trustDevice?: boolean | undefined;
}

/** The account needs a second factor, and has none: set one up. */
export interface EnrolmentRequired {
  readonly status: "enrolment_required";
  readonly preAuthToken: string;
  readonly expiresIn: number;
  /** What can be set up. A registration without a password needs a passkey. */
  readonly kinds: readonly ("totp" | "passkey")[];
  /** Makes the secret of an authenticator app. Show its QR code, and pass the first code of the app to `confirm`. */
  createAuthenticator(): Promise<Shape<"TotpEnrolment">>;
  /** Confirms the authenticator app, and signs in. Show the recovery codes. */
  confirm(code: string, options?: WorkOptions): Promise<SignedIn>;
  /** Makes a passkey. Call it when the user presses a button. */
  addPasskey(name?: string): Promise<PasskeyAdded>;
}

/** A passkey was made during a sign-in. */
export interface PasskeyAdded {
  readonly passkey: Shape<"Passkey">;
  /** New recovery codes. Show them before `signIn`, which is a new page for many apps. */
  readonly recoveryCodes: readonly string[];
  /** Signs in with the new passkey. Call it when the user presses a button: the browser asks once more. */
  signIn(): Promise<SignedIn>;
}

/** Where a sign-in stands. */
export type SignInOutcome = SignedIn | (SecondFactorRequired & SecondFactor) | EnrolmentRequired;

/** The deployment does not reveal who has an account: the user goes on with the link of a mail. */
export interface MailSent {
  readonly status: "mail_sent";
}

/** Where a registration stands. */
export type RegisterOutcome = MailSent | (EnrolmentRequired & { readonly user: Shape<"User"> });

/** Who registers: with an address or a user name, and a password or a passkey. */
export type Registration = { email?: string; username?: string; locale?: string } & (
  | { password: string }
  | { passkey: true }
);

/** Creates an account. */
export async function register(core: Core, registration: Registration): Promise<RegisterOutcome> {
  const made = await core.call("post", "/register", { body: registration });
  if (!("pre_auth_token" in made)) return { status: "mail_sent" };
  const kinds = made.totp === undefined ? (["passkey"] as const) : (["totp", "passkey"] as const);
  return { ...enrolment(core, made, { kinds, totp: made.totp }), user: made.user };
}

/** Goes on after the answer to a first factor. */
export async function outcomeOf(core: Core, login: Shape<"LoginResponse">): Promise<SignInOutcome> {
  switch (login.status) {
    case "authenticated":
      return accept(core, login);
    case "enrolment_required":
      return enrolment(core, login, { kinds: ["totp", "passkey"] });
    case "second_factor_required":
      return {
        status: login.status,
        preAuthToken: login.pre_auth_token,
        expiresIn: login.expires_in,
        methods: login.methods,
        defaultMethod: login.default_method,
        trustedDeviceTtl: login.trusted_device_ttl,
        ...secondFactor(core, login.pre_auth_token),
      };
  }
}

/** Returns what completes a login. */
export function secondFactor(core: Core, preAuthToken: string): SecondFactor {
  const challenge = (method: Shape<"ChallengeMethod">, signal?: AbortSignal) =>
    core.call("post", "/2fa/challenge", { body: { pre_auth_token: preAuthToken, method }, signal });
  const verify = async (proof: Partial<Shape<"VerifyRequest">>, options: VerifyOptions): Promise<SignedIn> => {
    const body = {
      pre_auth_token: preAuthToken,
      delivery: core.delivery,
      ...(options.trustDevice && { trust_device: true }),
      ...proof,
    };
    const send = (work: object) =>
      core.call("post", "/2fa/verify", { body: { ...body, ...work }, signal: options.signal });
    return accept(core, await withWork(send, options));
  };
  return {
    verify: (code, options = {}) =>
      verify(options.method === undefined ? { code } : { code, method: options.method }, options),
    verifyPasskey: async (options = {}) => {
      const made = (await challenge("passkey", options.signal)) as Shape<"PasskeyRequestResponse">;
      return verify({ passkey: await usePasskey(made.options, options.signal) }, options);
    },
    sendCode: async (method) => (await challenge(method)) as Shape<"ChallengeResponse">,
  };
}

function enrolment(
  core: Core,
  login: { pre_auth_token: string; expires_in: number },
  { kinds, totp }: Pick<EnrolmentRequired, "kinds"> & { totp?: Shape<"TotpEnrolment"> | undefined },
): EnrolmentRequired {
  const token = login.pre_auth_token;
  const { verify, verifyPasskey } = secondFactor(core, token);
  return {
    status: "enrolment_required",
    preAuthToken: token,
    expiresIn: login.expires_in,
    kinds,
    // A registration has made the secret already. Another one would replace it, so it is made once.
    createAuthenticator: once(async () => totp ?? core.pending(token, "post", "/2fa/totp")),
    confirm: verify,
    addPasskey: async (name) => {
      const { options } = await core.pending(token, "post", "/2fa/passkeys/options");
      const credential = await createPasskey(options);
      const body = name === undefined ? { credential } : { credential, name };
      const made = await core.pending(token, "post", "/2fa/passkeys", { body });
      return { passkey: made.passkey, recoveryCodes: made.recovery_codes ?? [], signIn: () => verifyPasskey() };
    },
  };
}

async function accept(core: Core, tokens: Shape<"TokenResponse">): Promise<SignedIn> {
  await core.keeper.accept(tokens);
  return {
    status: "authenticated",
    session: tokens.session,
    recoveryCodes: tokens.recovery_codes ?? [],
    recoveryCodesRemaining: tokens.recovery_codes_remaining,
    advice: tokens.advice ?? [],
  };
}
