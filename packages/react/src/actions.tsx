"use client";

/** What a form does with the service: it waits, computes, and fails with a text for the user. */

import { type WorkOptions, type WorkProgress, isVestibuleError } from "@vestibule/client";
import { type FormEvent, type ReactElement, type ReactNode, useRef, useState } from "react";

import { useTexts } from "./context.tsx";
import type { Texts } from "./texts.ts";

/** One thing at a time that a component does with the service. */
export interface Action {
  /** Does it, unless something else is being done. The error is shown, not thrown. */
  run(work: (options: WorkOptions) => Promise<void>): Promise<void>;
  isBusy: boolean;
  error: unknown;
  fail(error: unknown): void;
  /** How far the computation is that the service demands during an attack. */
  progress: WorkProgress | undefined;
  /** Ends the request, and the computation. */
  cancel(): void;
}

export function useAction(): Action {
  const [error, fail] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const [progress, onWork] = useState<WorkProgress>();
  const running = useRef<AbortController>(undefined);
  const run = async (work: (options: WorkOptions) => Promise<void>) => {
    if (running.current !== undefined) return;
    const stopping = new AbortController();
    running.current = stopping;
    setBusy(true);
    fail(undefined);
    try {
      await work({ signal: stopping.signal, onWork });
    } catch (thrown) {
      if (!stopping.signal.aborted) fail(thrown);
    } finally {
      running.current = undefined;
      setBusy(false);
    }
  };
  return { run, isBusy, error, fail, progress, cancel: () => running.current?.abort() };
}

/** Returns what to tell the user about an error. */
export function describeError(error: unknown, texts: Texts): string {
  if (!isVestibuleError(error)) return texts.unknownProblem;
  const { code, problem, retryAfter } = error;
  // The operator wrote it for the user.
  if (code === "registration_denied" && problem?.reason !== undefined) return problem.reason;
  if (code === "rate_limited" && retryAfter !== undefined) return texts.wait(retryAfter);
  return texts.problems[code] ?? texts.unknownProblem;
}

/** A form that shows what becomes of it. A code that was refused is not sent again: it would cost another attempt. */
export function Form(props: {
  action: Action;
  /** Gets the fields by their names. */
  onSubmit: (fields: FormData, options: WorkOptions) => Promise<void>;
  submit: string;
  children?: ReactNode;
}): ReactElement {
  const { action, onSubmit, submit, children } = props;
  const refused = useRef("");
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const code = textOf(fields, "code");
    if (code !== "" && code === refused.current) return;
    void action.run(async (options) => {
      try {
        await onSubmit(fields, options);
      } catch (error) {
        if (isVestibuleError(error, "invalid_code")) refused.current = code;
        throw error;
      }
    });
  };
  return (
    <form onSubmit={send} aria-busy={action.isBusy}>
      {children}
      <button type="submit" disabled={action.isBusy}>
        {submit}
      </button>
      <Progress action={action} />
      <Failure action={action} />
    </form>
  );
}

/** Shows an error. Screen readers announce it, since the element is there before. */
export function Failure({ action }: { action: Action }): ReactElement {
  const texts = useTexts();
  return (
    <p role="alert" data-part="problem">
      {action.error === undefined ? null : describeError(action.error, texts)}
    </p>
  );
}

function Progress({ action }: { action: Action }): ReactElement | null {
  const texts = useTexts();
  const { progress } = action;
  if (progress === undefined) return null;
  const text = texts.working(Math.ceil(progress.secondsLeft));
  return (
    <div role="status" data-part="work">
      <p>{text}</p>
      <progress value={progress.done} aria-label={text} />
      <button type="button" onClick={action.cancel}>
        {texts.cancel}
      </button>
    </div>
  );
}

/** A button that does something with the service. */
export function ActionButton(props: {
  action: Action;
  onPress: () => Promise<void>;
  children: ReactNode;
}): ReactElement {
  const { action, onPress, children } = props;
  return (
    <button type="button" disabled={action.isBusy} onClick={() => void action.run(onPress)}>
      {children}
    </button>
  );
}

/** A labelled input. */
export function Field(props: {
  label: string;
  name: string;
  autoComplete: string;
  type?: "text" | "email" | "password";
  /** Brings up a keyboard of digits, and sends the form after so many of them. */
  digits?: number;
  autoFocus?: boolean;
}): ReactElement {
  const { label, name, autoComplete, type = "text", digits, autoFocus = false } = props;
  return (
    <label>
      {label}{" "}
      <input
        name={name}
        type={type}
        autoComplete={autoComplete}
        autoFocus={autoFocus}
        inputMode={digits === undefined ? undefined : "numeric"}
        onInput={(event) => {
          const { value, form } = event.currentTarget;
          if (value.replace(/\D/g, "").length === digits) form?.requestSubmit();
        }}
        autoCapitalize="none"
        spellCheck={false}
        required
      />
    </label>
  );
}

/** Returns a field of a form as text. */
export function textOf(fields: FormData, name: string): string {
  return String(fields.get(name) ?? "");
}
