import { signal } from "@preact/signals";
import { api, caller, Refusal, read } from "../../ui/api.ts";
import { call } from "../../ui/operation.ts";
import { replace } from "../../ui/route.ts";
import { askForToken } from "./host.ts";
import { wear } from "./look.ts";

/** Whose token the page has. */
export type Session =
  | { readonly kind: "unknown" }
  | { readonly kind: "out"; readonly error: unknown }
  | { readonly kind: "in"; readonly tenant: string; readonly capabilities: readonly string[] };

export const session = signal<Session>({ kind: "unknown" });

/** In memory alone: a page in a frame of another site has no storage of its own that it could rely on. */
let token: string | null = null;
let renewal: Promise<boolean> | null = null;
/** Whether the host is asked for another token: not if the last one that it gave was refused, or that would never end. */
let asksHost = true;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Another token is asked for this long before the end, but not all the time if this clock is wrong. */
const AHEAD_MS = 60_000;
const WAIT_MS_MIN = 30_000;

/** Whether the token allows an operation. Postgres decides; here it spares the reader a button that is refused. */
export function mayCall(operation: string): boolean {
  const { scope } = call(operation).operation;
  const present = session.value;
  return present.kind === "in" && (scope === null || present.capabilities.includes(scope));
}

/** Takes the token out of the address, where nobody should find it, and finds out whose it is. */
export async function begin(): Promise<void> {
  Object.assign(caller, { headers, renew, leave: () => end(null) });
  const given = new URLSearchParams(location.hash.slice(1));
  const found = given.get("token");
  if (found !== null || !location.hash.startsWith("#/")) {
    wear({ theme: given.get("theme"), color: given.get("color") });
    replace(["endpoints"]);
  }
  if (found !== null) {
    takeToken(found);
  } else {
    await tryAgain();
  }
}

/** Asks the host for a token. */
export async function tryAgain(): Promise<void> {
  session.value = { kind: "unknown" };
  asksHost = true;
  if (!(await renew(headers()))) {
    end(null);
  }
}

/** From the address or from the host, which may give one unasked. */
export function takeToken(next: string): void {
  token = next;
  void look();
}

function headers(): Readonly<Record<string, string>> {
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

/** Many requests may be refused at once: the host is asked once. */
function renew(refused: Readonly<Record<string, string>>): Promise<boolean> {
  if (refused.authorization !== headers().authorization) {
    return Promise.resolve(true);
  }
  if (!asksHost) {
    return Promise.resolve(false);
  }
  renewal ??= askForToken()
    .then((given) => {
      asksHost = false;
      return given !== null;
    })
    .finally(() => {
      renewal = null;
    });
  return renewal;
}

async function look(): Promise<void> {
  const asked = token;
  try {
    const answer = await read(api(["portal", "session"]), null, new AbortController().signal);
    const { tenant, capabilities, expires_at } = JSON.parse(answer?.text ?? "{}") as {
      readonly tenant: string;
      readonly capabilities: readonly string[];
      readonly expires_at: string;
    };
    asksHost = true;
    session.value = { kind: "in", tenant, capabilities };
    clearTimeout(timer);
    const leftMs = Date.parse(expires_at) - Date.now();
    timer = setTimeout(() => void renew(headers()), Math.max(WAIT_MS_MIN, leftMs - AHEAD_MS));
  } catch (thrown) {
    if (asked === token) {
      end(thrown instanceof Refusal && thrown.problem.status === 401 ? null : thrown);
    }
  }
}

function end(error: unknown): void {
  token = null;
  clearTimeout(timer);
  session.value = { kind: "out", error };
}
