"use client";

/** Asks a signed-in user for a fresh proof, before a sensitive change or where a back end demands one. */

import { type Prove, type StepUp, VestibuleError, isVestibuleError, passkeysSupported } from "@vestibule/client";
import { type ReactElement, useEffect, useId, useRef, useState } from "react";

import { useTexts, useVestibule } from "./context.tsx";
import { Proof } from "./proof.tsx";

/** A step-up that waits for its user. */
interface Waiting {
  stepUp: StepUp;
  done: () => void;
  fail: (error: unknown) => void;
  cancel: () => void;
}

/** A dialog that opens whenever a request needs a fresh proof. Put one anywhere below the `VestibuleProvider`. */
export function StepUpDialog({ className }: { className?: string }): ReactElement {
  const client = useVestibule();
  const texts = useTexts();
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const [waiting, setWaiting] = useState<Waiting>();
  useEffect(() => {
    const prove: Prove = (stepUp) =>
      new Promise<void>((resolve, reject) => {
        const cancel = () => reject(new VestibuleError("step_up_cancelled", "the user gave no proof"));
        setWaiting({ stepUp, done: resolve, fail: reject, cancel });
      }).finally(() => setWaiting(undefined));
    client.prove = prove;
    return () => {
      if (client.prove === prove) client.prove = undefined;
    };
  }, [client]);
  useEffect(() => {
    if (waiting === undefined) return;
    const element = dialog.current;
    element?.showModal();
    // The request that waits for the proof fails, also if the dialog is removed.
    return () => {
      waiting.cancel();
      element?.close();
    };
  }, [waiting]);
  return (
    <dialog
      ref={dialog}
      className={className}
      data-vestibule="step-up"
      aria-labelledby={heading}
      onClose={() => waiting?.cancel()}
    >
      <h2 id={heading}>{texts.stepUp}</h2>
      {waiting !== undefined && <StepUpForm waiting={waiting} />}
      <button type="button" onClick={() => waiting?.cancel()}>
        {texts.cancel}
      </button>
    </dialog>
  );
}

function StepUpForm({ waiting: { stepUp, done, fail } }: { waiting: Waiting }): ReactElement {
  const methods = stepUp.methods.filter((method) => method !== "passkey" || passkeysSupported());
  const prove = async (proof: Promise<void>) => {
    try {
      await proof;
    } catch (error) {
      // The dialog asks the user before for this proof.
      if (isVestibuleError(error, "user_changed")) fail(error);
      throw error;
    }
    done();
  };
  return (
    <Proof
      methods={methods}
      taker={{
        withCode: (code, method) => prove(stepUp.withCode(code, method)),
        withPasskey: ({ signal }) => prove(stepUp.withPasskey(signal)),
        withPassword: (password) => prove(stepUp.withPassword(password)),
        sendCode: stepUp.sendCode,
      }}
    />
  );
}
