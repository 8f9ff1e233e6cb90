"use client";

/** The second step of a sign-in. */

import {
  type ProofMethod,
  type SecondFactor,
  type SecondFactorRequired,
  isVestibuleError,
  passkeysSupported,
} from "@vestibule/client";
import { type ReactElement, useRef } from "react";

import { useTexts } from "./context.tsx";
import { Proof } from "./proof.tsx";

const DAY = 86_400;

/** Asks for a second factor. */
export function SecondFactorForm(props: {
  login: SecondFactorRequired & SecondFactor;
  onSignedIn?: (() => void) | undefined;
  /** The login is over: the user took too long, or gave too many wrong codes. */
  onExpired?: ((error: unknown) => void) | undefined;
  className?: string | undefined;
}): ReactElement {
  const { login, onSignedIn, onExpired, className } = props;
  const texts = useTexts();
  const trust = useRef<HTMLInputElement>(null);
  const complete = async (work: (trustDevice: boolean) => Promise<unknown>) => {
    try {
      await work(trust.current?.checked ?? false);
    } catch (error) {
      if (isVestibuleError(error, "invalid_pre_auth_token")) onExpired?.(error);
      throw error;
    }
    onSignedIn?.();
  };
  const all = login.methods.map(({ type }) => type as ProofMethod);
  const methods = all.filter((method) => method !== "passkey" || passkeysSupported());
  const first = methods.find((method) => method === login.defaultMethod);
  return (
    <section className={className} data-vestibule="second-factor">
      <h2>{texts.secondFactor}</h2>
      <Proof
        methods={methods}
        first={first}
        taker={{
          withCode: (code, method, options) =>
            complete((trustDevice) => login.verify(code, { method, trustDevice, ...options })),
          withPasskey: ({ signal }) => complete((trustDevice) => login.verifyPasskey({ trustDevice, signal })),
          sendCode: login.sendCode,
        }}
      >
        {login.trustedDeviceTtl !== undefined && (
          <label>
            <input type="checkbox" ref={trust} /> {texts.trustDevice(Math.floor(login.trustedDeviceTtl / DAY))}
          </label>
        )}
      </Proof>
    </section>
  );
}
