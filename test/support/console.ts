/** The API for tests: a server of it, and keys to ask with. */
import { randomBytes } from "node:crypto";
import type { TestContext } from "node:test";
import { makeConsoleApp } from "../../src/console/app.ts";
import { ConsoleDatabase } from "../../src/console/consoleDatabase.ts";
import { CONSOLE_LIMITS } from "../../src/console/limits.ts";
import { makeRequestComposer, type Secrets } from "../../src/daemon/preview.ts";
import type { Scope } from "../../src/domain/scope.ts";
import { messageOf } from "../../src/ground/errors.ts";
import { Listener } from "../../src/serve/listener.ts";
import type { Rate } from "../../src/serve/rateLimit.ts";
import type { TrustedUsers } from "../../src/serve/trustedUsers.ts";
import type { Session } from "./engine.ts";
import { createLogin, type Login } from "./roles.ts";

/** What the login of the API is a member of. */
export const CONSOLE_ROLES = ["postrider_reader", "postrider_operator", "postrider_publisher"];

export interface StartedConsole {
  readonly port: number;
  /** Without a slash at its end. */
  readonly url: string;
  readonly errors: readonly string[];
  readonly login: Login;
  /** Asks for a path behind /api/v1 with a key of these scopes. */
  ask<Body = Members>(scopes: readonly Scope[], path: string, init?: RequestInit): Promise<Answer<Body>>;
}

export type Members = Readonly<Record<string, unknown>>;

/** What lists answer. */
export interface List<Row = Members> {
  readonly data: readonly Row[];
  readonly next: string | null;
  readonly searched_to: string | null;
}

export interface Answer<Body = Members> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Empty if the answer is not JSON. */
  readonly body: Body;
}

interface ConsoleSettings {
  readonly hosts?: readonly string[];
  readonly keyRate?: Rate;
  /** Default: CONSOLE_ROLES. */
  readonly memberOf?: readonly string[];
  readonly users?: TrustedUsers | null;
  /** What signs. Default: nothing, as for `postrider console`. */
  readonly secrets?: Secrets | null;
}

/** The API on a free port, by a login of its own. Both go with the test. */
export async function startConsole(
  t: TestContext,
  database: { readonly pool: Session; readonly url: string },
  { hosts = [], keyRate, memberOf = CONSOLE_ROLES, users = null, secrets = null }: ConsoleSettings = {},
): Promise<StartedConsole> {
  const login = await createLogin(database, memberOf);
  const errors: string[] = [];
  const consoleDatabase = new ConsoleDatabase({ apiDatabaseUrl: login.url, apiDatabaseUrlFile: null });
  const onError = (message: string) => errors.push(message);
  const listener = await Listener.start({
    address: { host: "127.0.0.1", port: 0 },
    app: makeConsoleApp({
      ...{ database: consoleDatabase, hosts, users, onError, ...(keyRate && { keyRate }) },
      compose: makeRequestComposer({ source: "postrider", publicUrl: "http://listener.test", secrets }),
    }),
    limits: CONSOLE_LIMITS,
    onBroken: (thrown) => onError(messageOf(thrown)),
  });
  t.after(async () => {
    await listener.stop();
    await consoleDatabase.stop();
    await login.drop();
  });
  const { port } = listener.address;
  const url = `http://127.0.0.1:${port}`;
  return {
    ...{ port, url, errors, login },
    ask: async (scopes, path, init) => ask(url, path, await createKey(database.pool, scopes), init),
  };
}

/** A new key of the API. */
export async function createKey(session: Session, scopes: readonly Scope[], name = newName()): Promise<string> {
  const { rows } = await session.query<{ key: string }>("select postrider.create_api_key($1, $2) as key", [
    name,
    scopes,
  ]);
  return rows[0]?.key ?? "";
}

function newName(): string {
  return `key ${randomBytes(6).toString("hex")}`;
}

/** One request; a body is sent as JSON. */
export async function ask<Body = Members>(
  url: string,
  path: string,
  key: string | null,
  init: RequestInit = {},
): Promise<Answer<Body>> {
  const response = await fetch(`${url}/api/v1${path}`, {
    ...init,
    headers: {
      ...(key !== null && { authorization: `Bearer ${key}` }),
      ...(init.body != null && { "content-type": "application/json" }),
      connection: "close",
      ...init.headers,
    },
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get("content-type") ?? "");
  return { status: response.status, headers: response.headers, text, body: JSON.parse(isJson ? text : "{}") };
}
