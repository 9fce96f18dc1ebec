import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { inboxSql } from "../../src/receive/receive.ts";
import { databaseFor } from "../support/database.ts";
import { guideBlock } from "../support/guides.ts";
import { until } from "../support/until.ts";
import { envelope, SECRET, signed } from "./requests.ts";

const KIT = new URL("../../src/receive/receive.ts", import.meta.url).href;

test("the quick start of the receiver kit handles an event once, in the transaction that remembers it", async (t) => {
  const { url, pool } = await databaseFor(t, { template: "empty" });
  await pool.query(`${inboxSql()}; create table orders (id bigint primary key, status text)`);
  await pool.query("insert into orders values (42, 'open')");
  const port = await freePort();
  const stop = startProgram(guideBlock("src/receive/kit.md", "Quick start", "ts"), {
    WEBHOOK_SECRET: SECRET,
    DATABASE_URL: url,
    PORT: String(port),
  });
  try {
    await until("the program listens", () => isListening(port));
    assert.deepEqual([await send(port), await send(port)], [200, 200]);
  } finally {
    await stop();
  }
  const { rows } = await pool.query(
    "select status, (select count(*)::int from postrider_inbox) as remembered from orders",
  );
  assert.deepEqual(rows, [{ status: "paid", remembered: 1 }]);
});

async function send(port: number): Promise<number> {
  const timestamp = Math.floor(Date.now() / 1_000);
  const { headers, body } = signed(envelope('{"order_id":42}'), { timestamp });
  const init = { method: "POST", headers: headers as Record<string, string>, body: body as Buffer };
  return (await fetch(`http://127.0.0.1:${port}/`, init)).status;
}

/** Runs a program of a guide, in which the packages are those of this checkout, until the function is called that it returns. */
function startProgram(text: string, env: Readonly<Record<string, string>>): () => Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "postrider-guide-"));
  const file = join(directory, "program.ts");
  const program = text
    .replace('"postrider/receive"', JSON.stringify(KIT))
    .replace('"pg"', JSON.stringify(import.meta.resolve("pg")));
  writeFileSync(file, program);
  const child = spawn(process.execPath, [file], { env: { ...process.env, ...env }, stdio: "inherit" });
  return async () => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    rmSync(directory, { recursive: true });
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
