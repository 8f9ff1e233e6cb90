/** The public API of `@vestibule/client`. */

export type { Options } from "./core.ts";
export { type ProofKey, temporaryKey } from "./dpop.ts";
export { type ErrorCode, type LocalCode, VestibuleError, isVestibuleError } from "./errors.ts";
export type { ProviderOptions, ProviderOutcome } from "./federation.ts";
export { passkeyAutofillSupported, passkeysSupported } from "./passkeys.ts";
export type { SessionState } from "./session.ts";
export type {
  EnrolmentRequired,
  MailSent,
  PasskeyAdded,
  RegisterOutcome,
  Registration,
  SecondFactor,
  SecondFactorRequired,
  SignInOutcome,
  SignedIn,
  VerifyOptions,
} from "./sign-in.ts";
export type { Prove, StepUp } from "./step-up.ts";
export { type SecureStorage, type Storage, type StoredName, memoryStorage } from "./storage.ts";
export type { Answer, BodyOf, Method, PathOf, ProofMethod, Shape } from "./types.ts";
export { type Credentials, type PasskeyOptions, Vestibule } from "./vestibule.ts";
export { type WorkOptions, type WorkProgress, solve } from "./work.ts";
