// The public names of the package. The adapters for frameworks are modules of their own.

export type { AccessTokenClaims, Caller, CallerKind } from './claims.ts';
export type { Demand } from './demand.ts';
export type { Algorithm, DpopOptions, Options } from './options.ts';
export { Refusal } from './refusal.ts';
export type { RefusalCode } from './refusal.ts';
export type { ReplayMemory } from './replays.ts';
export { createVerifier } from './verifier.ts';
export type { RequestHead, Verifier } from './verifier.ts';
