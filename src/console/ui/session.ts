import { signal } from "@preact/signals";
import { api, caller, change, Refusal, read } from "./api.ts";
import { replace } from "./route.ts";

/** Who is logged in. The cookie that says so cannot be read by this page. */
export type Session =
  | { readonly kind: "unknown" }
  | { readonly kind: "out"; readonly error: unknown }
  | { readonly kind: "in"; readonly name: string; readonly scopes: readonly string[] };

export const session = signal<Session>({ kind: "unknown" });

const PATH = api(["session"]);
/** Scopes that include others. */
const INCLUDED: Readonly<Record<string, readonly string[]>> = {
  operate: ["read"],
  admin: ["read", "payload", "publish", "operate", "portal:mint"],
};

/** Whether the reader may do what takes this scope. The API decides; here it spares them a button that is refused. */
export function may(scope: string | null): boolean {
  const present = session.value;
  return (
    present.kind === "in" &&
    (scope === null || present.scopes.some((held) => held === scope || INCLUDED[held]?.includes(scope) === true))
  );
}

/** Logs in with the link that the address has, if it has one, and finds out who is logged in. */
export async function findSession(): Promise<void> {
  caller.leave = noteStranger;
  const [, link] = /^#\/login=(prl_[\w-]+)$/.exec(location.hash) ?? [];
  if (link !== undefined) {
    // It is used up: it must not stay in the history.
    replace([]);
    await logIn({ link });
    return;
  }
  await look();
}

export async function logIn(opener: { readonly key: string } | { readonly link: string }): Promise<void> {
  try {
    await change("POST", PATH, JSON.stringify(opener));
    await look();
  } catch (error) {
    session.value = { kind: "out", error };
  }
}

export async function logOut(): Promise<void> {
  await change("DELETE", PATH).catch(() => {
    // Whatever it says, this page shows nothing any more.
  });
  session.value = { kind: "out", error: null };
}

/** A request was refused for want of a session: it has expired, or its key was revoked. */
function noteStranger(): void {
  session.value = { kind: "out", error: null };
}

async function look(): Promise<void> {
  try {
    const answer = await read(PATH, null, new AbortController().signal);
    const { name, scopes } = JSON.parse(answer?.text ?? "{}") as {
      readonly name: string;
      readonly scopes: readonly string[];
    };
    session.value = { kind: "in", name, scopes };
  } catch (thrown) {
    const isStranger = thrown instanceof Refusal && thrown.problem.status === 401;
    session.value = { kind: "out", error: isStranger ? null : thrown };
  }
}
