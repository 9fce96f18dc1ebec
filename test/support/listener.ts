/** The HTTP listener for tests: alone, or a request to one. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { messageOf } from "../../src/ground/errors.ts";
import { makeApp } from "../../src/listen/app.ts";
import { ListenerDatabase } from "../../src/listen/listenerDatabase.ts";
import type { Readiness } from "../../src/listen/vitals.ts";
import type { Limits } from "../../src/serve/limits.ts";
import { type App, Listener } from "../../src/serve/listener.ts";
import type { Samples } from "../../src/telemetry/metrics.ts";
import { undescribed } from "./listenerAnswers.ts";

export interface StartedListener {
  readonly port: number;
  readonly url: string;
  readonly errors: readonly string[];
}

interface ListenerSettings {
  readonly limits?: Partial<Limits>;
  readonly readiness?: () => Promise<Readiness>;
  readonly metrics?: () => Promise<Samples>;
  /** Default: one that nothing reaches. */
  readonly databaseUrl?: string;
  /** Bytes of a payload that are read at a time. */
  readonly sliceBytes?: number;
  /** How long a receiver may take to read a large event. */
  readonly largeReadMs?: number;
}

const NO_DATABASE = "postgres://127.0.0.1:1/none";

/** A listener on a free port, without a daemon. It is stopped after the test, and all that it answered must be in openapi.json. */
export async function startListener(
  t: TestContext,
  {
    limits,
    readiness,
    metrics = async () => ({}),
    databaseUrl = NO_DATABASE,
    sliceBytes,
    largeReadMs,
  }: ListenerSettings = {},
): Promise<StartedListener> {
  const errors: string[] = [];
  const vitals = { readiness: readiness ?? (async () => ({ reasons: [], notes: [] })), metrics };
  const database = new ListenerDatabase({ databaseUrl, databaseUrlFile: null, preparedStatements: null });
  t.after(() => database.stop());
  const app = makeApp({
    ...{ vitals, database, sealingKeys: [], source: "postrider", onError: (message: string) => errors.push(message) },
    ...(sliceBytes !== undefined && { sliceBytes }),
    ...(largeReadMs !== undefined && { largeReadMs }),
  });
  const faults: string[] = [];
  const judged: App = {
    fetch: async (request, bindings) => {
      const response = await app.fetch(request, bindings);
      faults.push(...undescribed(request, response));
      return response;
    },
  };
  const listener = await Listener.start({
    address: { host: "127.0.0.1", port: 0 },
    app: judged,
    onBroken: (thrown) => errors.push(messageOf(thrown)),
    ...(limits && { limits }),
  });
  t.after(async () => {
    await listener.stop();
    assert.deepEqual(faults, []);
  });
  const { port } = listener.address;
  return { port, url: `http://127.0.0.1:${port}`, errors };
}

/** A connection on which bytes are written as they are. */
export function rawConnection(t: TestContext, port: number): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  return socket;
}

/** Everything that comes until the other side closes. */
export async function readToEnd(socket: Socket): Promise<string> {
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk;
  });
  await new Promise((resolve) => socket.once("close", resolve));
  return text;
}
