import { get, type IncomingMessage } from "node:http";
import type { Environment } from "../config/environment.ts";
import { readListen } from "../config/listen.ts";
import { SETTINGS } from "../config/settings.ts";
import { type Fault, messageOf, PostriderError } from "../ground/errors.ts";
import { type ListenAddress, listenAddressText } from "../ground/listenAddress.ts";
import { printable } from "../ground/printable.ts";
import { defineCommand, flag } from "./command.ts";

/** Longer than the listener takes for anything, and shorter than what a container's health check is given. */
const ANSWER_MS_MAX = 3_000;
const ANSWER_CHARS_MAX = 10_000;

export const command = defineCommand({
  summary: "asks the daemon on this host whether it lives; exits with 1 if not",
  options: {
    ready: flag("ask whether it claims and records; exit with 1 and the reasons if not"),
  },
  examples: ["postrider health", "postrider health --ready"],
  run: ({ ready }, env) => health(ready, env),
});

/** Reads one setting and asks the listener: a health check runs every few seconds for ever. */
async function health(isReadinessAsked: boolean, env: Environment): Promise<0> {
  const address = addressToAsk(env);
  const answer = await ask(address, isReadinessAsked ? "/readyz" : "/healthz");
  const { reasons, notes } = isReadinessAsked ? readinessIn(answer.text) : NOTHING_SAID;
  if (answer.status !== 200) {
    throw unhealthy(address, reasons.length > 0 ? reasons.join("; ") : `it answers ${answer.status}`);
  }
  process.stdout.write(`${[isReadinessAsked ? "ready" : "ok", ...notes].join("\n")}\n`);
  return 0;
}

/** Rejects with PR0002 if the settings name nothing to ask. */
function addressToAsk(env: Environment): ListenAddress {
  const faults: Fault[] = [];
  const listen = readListen({ env, faults }, SETTINGS.httpListen);
  if (faults.length > 0) {
    throw new PostriderError(faults, 2);
  }
  if (listen === null || listen.port === 0) {
    const found = `POSTRIDER_HTTP_LISTEN is ${listen === null ? "off" : "any free port"}`;
    const remedy = "set it to the address on which the daemon listens";
    throw new PostriderError([{ code: "PR0002", problem: "cannot ask the daemon", found, remedy }], 2);
  }
  return { host: ANY_ADDRESS[listen.host] ?? listen.host, port: listen.port };
}

/** What listens on all addresses of this host also listens on its loopback. */
const ANY_ADDRESS: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

interface Answer {
  readonly status: number | undefined;
  readonly text: string;
}

async function ask(address: ListenAddress, path: string): Promise<Answer> {
  const signal = AbortSignal.timeout(ANSWER_MS_MAX);
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ host: address.host, port: address.port, path, agent: false, signal }, resolve).on("error", reject);
    });
    let text = "";
    for await (const chunk of response.setEncoding("utf8")) {
      text += chunk;
      if (text.length > ANSWER_CHARS_MAX) {
        break;
      }
    }
    return { status: response.statusCode, text };
  } catch (thrown) {
    throw unhealthy(address, signal.aborted ? `nothing answers within ${ANSWER_MS_MAX / 1_000} s` : reasonOf(thrown));
  }
}

function reasonOf(thrown: unknown): string {
  const isRefused = thrown instanceof Error && "code" in thrown && thrown.code === "ECONNREFUSED";
  return isRefused ? "nothing listens there" : messageOf(thrown);
}

interface Said {
  readonly reasons: readonly string[];
  readonly notes: readonly string[];
}

const NOTHING_SAID: Said = { reasons: [], notes: [] };

/** Something else may listen there, and answer anything. */
function readinessIn(text: string): Said {
  try {
    const { reasons, notes } = JSON.parse(text) as Partial<Record<keyof Said, unknown>>;
    return { reasons: sentencesIn(reasons), notes: sentencesIn(notes) };
  } catch {
    return NOTHING_SAID;
  }
}

function sentencesIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string").map(printable) : [];
}

function unhealthy(address: ListenAddress, found: string): PostriderError {
  return new PostriderError([
    {
      code: "PR0025",
      problem: `the daemon at ${listenAddressText(address)} does not work`,
      found,
      remedy: "look at its log, and at postrider status",
    },
  ]);
}
