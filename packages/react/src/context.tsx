"use client";

/** The provider of the client and the hooks. Nothing here touches the browser before a component is mounted. */

import type { SessionState, Shape, Vestibule } from "@vestibule/client";
import {
  type ReactElement,
  type ReactNode,
  createContext,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
} from "react";

import { type OwnTexts, type Texts, textsWith } from "./texts.ts";
import { followCodes } from "./unstored-codes.ts";

interface Provided {
  client: Vestibule;
  texts: Texts;
}

const Context = createContext<Provided | undefined>(undefined);

/** The longest time between two attempts to reach the service, in seconds. */
const LONGEST = 30;

/** Provides the client, and continues the session of a user who is signed in. Make the client once, outside. */
export function VestibuleProvider(props: {
  client: Vestibule;
  /** Texts in the place of the English ones, each by itself: in another language, or in your words. */
  texts?: OwnTexts;
  children?: ReactNode;
}): ReactElement {
  const { client, texts, children } = props;
  useEffect(() => {
    const stopping = new AbortController();
    void restore(client, stopping.signal);
    return () => stopping.abort();
  }, [client]);
  useEffect(() => followCodes(client), [client]);
  const provided = useMemo(() => ({ client, texts: textsWith(texts) }), [client, texts]);
  return <Context.Provider value={provided}>{children}</Context.Provider>;
}

/** Continues the session. If the service does not answer, it tries again. */
async function restore(client: Vestibule, stopped: AbortSignal): Promise<void> {
  for (let pause = 1; client.state.status === "unknown" && !stopped.aborted; pause = Math.min(2 * pause, LONGEST)) {
    try {
      await client.restore();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, pause * 1000));
    }
  }
}

function useProvided(): Provided {
  const provided = useContext(Context);
  if (provided === undefined) throw new Error("there is no VestibuleProvider around this component");
  return provided;
}

/** Returns the client. */
export function useVestibule(): Vestibule {
  return useProvided().client;
}

/** Returns the texts of the components, with those of the provider. */
export function useTexts(): Texts {
  return useProvided().texts;
}

/** A server does not know who is signed in, and the first render in the browser has to agree with it. */
const UNKNOWN: SessionState = { status: "unknown" };

/** Returns whether a user is signed in, and renders again when that changes, in this tab or in another one. */
export function useSession(): SessionState {
  const client = useVestibule();
  const subscribe = useCallback((listener: () => void) => client.subscribe(listener), [client]);
  return useSyncExternalStore(
    subscribe,
    () => client.state,
    () => UNKNOWN,
  );
}

/** Returns the account of the signed-in user; `undefined` while it is loaded, or if no user is signed in. */
export function useUser(): Shape<"Me"> | undefined {
  const client = useVestibule();
  const session = useSession();
  const userId = session.status === "signed_in" ? session.userId : undefined;
  const [user, setUser] = useState<Shape<"Me">>();
  useEffect(() => {
    if (userId === undefined) return;
    let isCurrent = true;
    client.user().then(
      (loaded) => isCurrent && setUser(loaded),
      () => undefined,
    );
    return () => {
      isCurrent = false;
    };
  }, [client, userId]);
  return user?.id === userId ? user : undefined;
}
