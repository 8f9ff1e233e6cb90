/** The one error that the client throws, with a code to switch on. */

import type { Shape } from "./types.ts";

/** What goes wrong outside of the service. */
export type LocalCode =
  /** There was no answer, or one that is not the service's. */
  | "no_answer"
  /** The browser cannot use passkeys here. */
  | "passkey_unsupported"
  /** The user cancelled, or has no passkey that fits. Browsers do not say which. */
  | "passkey_cancelled"
  /** The authenticator has a passkey of this account already. */
  | "passkey_exists"
  /** The browser could not use a passkey, for another reason. */
  | "passkey_failed"
  /** The user cancelled at the provider. */
  | "provider_cancelled"
  /** No sign-in at a provider with this `state` was started in this tab. */
  | "unknown_sign_in"
  /** The user did not give the proof that a request needs. */
  | "step_up_cancelled"
  /** Another user has signed in, in this tab or in another, so the request is not theirs. */
  | "user_changed";

/** The `code` of an error: those of the service, and those of this client. */
export type ErrorCode = Shape<"ProblemCode"> | LocalCode;

/**
 * A request failed. Switch on `code`; the message is for developers. A code that a newer service has added means what
 * the `status` of `problem` means.
 */
export class VestibuleError extends Error {
  override readonly name = "VestibuleError";
  readonly code: ErrorCode;
  /** The answer of the service (RFC 9457), if there was one. */
  readonly problem: Shape<"Problem"> | undefined;
  /** The seconds to wait before the same request can succeed; only where the service says so (429 and 503). */
  readonly retryAfter: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    about: { problem?: Shape<"Problem">; retryAfter?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: about.cause });
    this.code = code;
    this.problem = about.problem;
    this.retryAfter = about.retryAfter;
  }
}

/** Returns whether something thrown is a {@link VestibuleError} with one of the codes; with any, if none is given. */
export function isVestibuleError(error: unknown, ...codes: ErrorCode[]): error is VestibuleError {
  return error instanceof VestibuleError && (codes.length === 0 || codes.includes(error.code));
}

/** What the page shows and asks for belongs to the user before. */
export function userChanged(): VestibuleError {
  return new VestibuleError("user_changed", "another user has signed in");
}
