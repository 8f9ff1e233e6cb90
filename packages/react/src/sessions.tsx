"use client";

/** Where the user is signed in. */

import type { Shape } from "@vestibule/client";
import { type ReactElement, useCallback, useEffect, useState } from "react";

import { ActionButton, Failure, useAction } from "./actions.tsx";
import { useTexts, useVestibule } from "./context.tsx";

/** Lists the sessions of the user, and ends those that the user does not know. */
export function Sessions({ className }: { className?: string }): ReactElement {
  const client = useVestibule();
  const texts = useTexts();
  const action = useAction();
  const { fail } = action;
  const [sessions, setSessions] = useState<Shape<"ListedSession">[]>();
  const load = useCallback(async () => setSessions(await client.sessions()), [client]);
  useEffect(() => {
    load().catch(fail);
  }, [load, fail]);
  const end = (work: Promise<void>) => work.then(load);
  return (
    <section className={className} data-vestibule="sessions">
      <h2>{texts.sessions}</h2>
      <ul aria-busy={sessions === undefined}>
        {sessions?.map((session) => (
          <li key={session.id} data-current={session.current}>
            <span data-part="device">{session.user_agent ?? texts.unknownDevice}</span>{" "}
            {session.ip !== null && <span data-part="address">{session.ip}</span>}{" "}
            <time dateTime={session.last_used_at}>{texts.lastUsed(new Date(session.last_used_at))}</time>{" "}
            {session.current ? (
              <strong>{texts.thisSession}</strong>
            ) : (
              <ActionButton action={action} onPress={() => end(client.endSession(session.id))}>
                {texts.endSession}
              </ActionButton>
            )}
          </li>
        ))}
      </ul>
      {(sessions?.length ?? 0) > 1 && (
        <ActionButton action={action} onPress={() => end(client.endOtherSessions())}>
          {texts.endOtherSessions}
        </ActionButton>
      )}
      <Failure action={action} />
    </section>
  );
}
