"use client";

/** The ways to prove who one is: the user chooses one, and gives it. */

import type { ProofMethod, Shape, WorkOptions } from "@vestibule/client";
import { type ReactElement, type ReactNode, useState } from "react";

import { type Action, ActionButton, Failure, Field, Form, textOf, useAction } from "./actions.tsx";
import { useTexts } from "./context.tsx";

/** What takes a proof: a login, or a step-up. */
export interface ProofTaker {
  withCode(code: string, method: Shape<"CodeMethod">, options: WorkOptions): Promise<void>;
  withPasskey(options: WorkOptions): Promise<void>;
  withPassword?(password: string): Promise<void>;
  sendCode(method: "email" | "sms"): Promise<Shape<"ChallengeResponse">>;
}

/** Asks for one of several proofs. */
export function Proof(props: {
  methods: readonly ProofMethod[];
  /** What is asked for first. */
  first?: ProofMethod | undefined;
  taker: ProofTaker;
  /** More of the form, such as a box to tick. */
  children?: ReactNode;
}): ReactElement {
  const { methods, first = methods[0], taker, children } = props;
  const texts = useTexts();
  const action = useAction();
  const [method, choose] = useState(first);
  if (method === undefined) return <p data-part="hint">{texts.noMethods}</p>;
  const others = methods.filter((other) => other !== method);
  const change = (other: ProofMethod) => {
    action.fail(undefined);
    choose(other);
  };
  return (
    <div data-part="proof" data-method={method}>
      <Way key={method} method={method} taker={taker} action={action}>
        {children}
      </Way>
      {others.length > 0 && (
        <details data-part="other-methods">
          <summary>{texts.otherMethods}</summary>
          {others.map((other) => (
            <button key={other} type="button" disabled={action.isBusy} onClick={() => change(other)}>
              {texts.methods[other]}
            </button>
          ))}
        </details>
      )}
    </div>
  );
}

interface WayProps {
  method: ProofMethod;
  taker: ProofTaker;
  action: Action;
  children: ReactNode;
}

function Way(props: WayProps): ReactElement {
  const { method, taker, action, children } = props;
  const texts = useTexts();
  switch (method) {
    case "passkey":
      return (
        <Form action={action} submit={texts.usePasskey} onSubmit={(_, options) => taker.withPasskey(options)}>
          {children}
        </Form>
      );
    case "password":
      return (
        <Form
          action={action}
          submit={texts.continue}
          onSubmit={async (fields) => taker.withPassword?.(textOf(fields, "password"))}
        >
          <Field label={texts.password} name="password" type="password" autoComplete="current-password" autoFocus />
          {children}
        </Form>
      );
    case "sms":
    case "email":
      return <SentCode {...props} method={method} />;
    case "totp":
    case "recovery_code":
      return <Code {...props} method={method} />;
  }
}

function Code({ method, taker, action, children }: WayProps & { method: Shape<"CodeMethod"> }): ReactElement {
  const texts = useTexts();
  const isRecovery = method === "recovery_code";
  return (
    <Form
      action={action}
      submit={texts.continue}
      onSubmit={(fields, options) => taker.withCode(textOf(fields, "code"), method, options)}
    >
      <Field
        label={isRecovery ? texts.recoveryCode : texts.code}
        name="code"
        // A phone would suggest the code of its newest message for a recovery code.
        autoComplete={isRecovery ? "off" : "one-time-code"}
        {...(!isRecovery && { digits: method === "email" ? 8 : 6 })}
        autoFocus
      />
      {children}
    </Form>
  );
}

function SentCode(props: WayProps & { method: "email" | "sms" }): ReactElement {
  const { method, taker, action } = props;
  const texts = useTexts();
  const [hint, setHint] = useState<string>();
  const send = async () => setHint((await taker.sendCode(method)).hint);
  return (
    <>
      {hint !== undefined && (
        <>
          <p role="status">{texts.codeSentTo(hint)}</p>
          <Code {...props} />
        </>
      )}
      <ActionButton action={action} onPress={send}>
        {texts.sendCode}
      </ActionButton>
      {hint === undefined && <Failure action={action} />}
    </>
  );
}
