import type { Database } from "../db/database.ts";
import { defineStatement } from "../db/statements.ts";
import { problem } from "../serve/problem.ts";
import type { TrustedUsers } from "../serve/trustedUsers.ts";
import { findCaller, hashOf, SESSION_COOKIE } from "./caller.ts";
import { isOwnWrite } from "./guards.ts";
import {
  API_PATH,
  type ConsoleApp,
  type ConsoleContext,
  foreign,
  identifyIn,
  isJson,
  mistaken,
  stranger,
} from "./http.ts";

const openApiSession = defineStatement("open_api_session", {
  params: { openerHash: "text" },
  columns: { token: "text", lasts_s: "integer" },
});

const closeApiSession = defineStatement("close_api_session", {
  params: { tokenHash: "text" },
  columns: { close_api_session: "void" },
});

const PATH = `${API_PATH}/session`;
/** A key, or what a link has in it. */
const OPENER = /^pr[kl]_[A-Za-z0-9_-]{43}$/;

/**
 * `/session`: logs a browser in by a key or a link, with a cookie that scripts cannot read; says who is logged in; logs
 * out. Every process that serves the API knows the sessions, because they are in Postgres.
 */
export function addSessions(app: ConsoleApp, database: Database, users: TrustedUsers | null): void {
  app.get(PATH, async (context) => {
    const credential = identifyIn(context, users);
    if (credential.kind === "mistake") {
      return mistaken(credential.problem);
    }
    const caller = credential.kind === "nobody" ? null : await findCaller(database, credential);
    return caller === null ? stranger() : context.json({ name: caller.name, scopes: caller.scopes });
  });
  app.post(PATH, async (context) => (isOwnWrite(context.req) ? await open(context, database) : foreign()));
  app.delete(PATH, async (context) => (isOwnWrite(context.req) ? await close(context, database) : foreign()));
  app.all(PATH, () => problem(405, undefined, { allow: "GET, HEAD, POST, DELETE" }));
}

async function open(context: ConsoleContext, database: Database): Promise<Response> {
  const opener = isJson(context) ? openerIn(await context.req.text()) : null;
  if (opener === null) {
    return problem(
      400,
      "neither a key nor a link was sent",
      {},
      { hint: 'Send {"key": "prk_…"} or {"link": "prl_…"}.' },
    );
  }
  const { rows } = await database.run(openApiSession, { openerHash: hashOf(opener) });
  const [session] = rows;
  return session === undefined
    ? stranger()
    : new Response(null, { status: 204, headers: { "set-cookie": cookieOf(context, session.token, session.lasts_s) } });
}

async function close(context: ConsoleContext, database: Database): Promise<Response> {
  const credential = identifyIn(context, null);
  if (credential.kind === "session") {
    await database.run(closeApiSession, { tokenHash: credential.hash });
  }
  return new Response(null, { status: 204, headers: { "set-cookie": cookieOf(context, "", 0) } });
}

function openerIn(body: string): string | null {
  try {
    const { key, link } = JSON.parse(body);
    const opener: unknown = key ?? link;
    return typeof opener === "string" && OPENER.test(opener) ? opener : null;
  } catch {
    return null;
  }
}

/** Secure if the proxy in front says that it was reached over TLS: browsers keep no secure cookie of an http page. */
function cookieOf(context: ConsoleContext, token: string, lastsS: number): string {
  const secure = context.req.header("x-forwarded-proto") === "https" ? "; Secure" : "";
  return `${SESSION_COOKIE}=${token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${lastsS}${secure}`;
}
