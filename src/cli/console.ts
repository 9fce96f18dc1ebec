import type { Environment } from "../config/environment.ts";
import { type Config, readConfig } from "../config/read.ts";
import { SETTINGS } from "../config/settings.ts";
import { PostriderError } from "../ground/errors.ts";
import { aborted, untilStopped } from "../ground/untilStopped.ts";
import { defineCommand } from "./command.ts";
import { withConsoles } from "./consoling.ts";
import { loggedEvents } from "./loggedEvents.ts";
import { npmSources } from "./npmGone.ts";

export const command = defineCommand({
  summary: "serves the API, its dashboard and the portal alone, without a daemon",
  options: {},
  examples: ["POSTRIDER_API_DATABASE_URL=postgres://… postrider console"],
  run: (_, env) => serveConsole(env),
});

/** The API and the portal until SIGTERM or SIGINT. The API's address must be free, whoever chose it: nothing else is there to be run without it. */
function serveConsole(env: Environment): Promise<0 | 1> {
  const config = withAddress(readConfig(env, { name: "console", database: "optional" }));
  const events = loggedEvents(config, { daemonId: () => null, to: "stdout" });
  return untilStopped({ signals: ["SIGTERM", "SIGINT"], sources: npmSources(env) }, (stopping) =>
    withConsoles(config, events, null, async () => void (await aborted(stopping))),
  );
}

function withAddress(config: Config): Config {
  const { apiDatabaseUrl, apiListen, portalListen } = config;
  if (apiDatabaseUrl === null) {
    throw missing(
      `${SETTINGS.apiDatabaseUrl.name} is not set`,
      "set it to postgres://user:password@host:port/database",
    );
  }
  if (apiListen === null && portalListen === null) {
    throw missing(`${SETTINGS.apiListen.name} is off`, "set it to an address of this machine, or unset it");
  }
  return { ...config, apiListen: apiListen && { ...apiListen, isExplicit: true } };
}

function missing(found: string, remedy: string): PostriderError {
  return new PostriderError([{ code: "PR0002", problem: "cannot serve the API", found, remedy }], 2);
}
