import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { openEventFiles } from "../../src/dev/eventFiles.ts";
import { PostriderError } from "../../src/ground/errors.ts";
import type { ReceivedEvent } from "../../src/receive/event.ts";
import { json, scriptedServer } from "../receive/scriptedServer.ts";

let directory = "";

before(() => {
  directory = mkdtempSync(join(tmpdir(), "postrider-events-"));
});

after(() => rmSync(directory, { recursive: true, force: true }));

function event(id: string, dataText: string, changes: Partial<ReceivedEvent> = {}): ReceivedEvent {
  return {
    ...{ id, type: "order.paid", timestamp: "2026-11-24T09:00:00.123456Z", data: JSON.parse(dataText), dataText },
    ...{ large: undefined, source: undefined, subject: undefined, attributes: {}, isTypeSigned: true },
    ...{ orderingKey: undefined, traceparent: undefined, attempt: 1, ...changes },
  };
}

function thin(id: string, url: string): ReceivedEvent {
  const large = { url, size: undefined, expires: "2099-01-01T00:00:00Z" };
  return { ...event(id, "0"), data: undefined, dataText: undefined, large };
}

const HEAD = '"type":"order.paid","timestamp":"2026-11-24T09:00:00.123456Z"';

test("a file gets a line for each event, with its payload as it was written", async () => {
  const path = join(directory, "events.ndjson");
  writeFileSync(path, '{"half":');
  const files = await openEventFiles(path, process.stdout, {});
  await Promise.all([
    files.write(event("1", '{"n": 1.10,\n "big": 12345678901234567890}')),
    files.write(event("2", "[]")),
  ]);
  await files.close();
  const again = await openEventFiles(path, process.stdout, {});
  const cloud = { source: "shop", subject: "42", attributes: { a: 1 }, orderingKey: "k" };
  await again.write(event("3", "null", cloud));
  await again.close();
  assert.deepEqual(readFileSync(path, "utf8").split("\n"), [
    '{"half":',
    `{"id":"1",${HEAD},"data":{"n": 1.10,  "big": 12345678901234567890}}`,
    `{"id":"2",${HEAD},"data":[]}`,
    `{"id":"3",${HEAD},"source":"shop","subject":"42","attributes":{"a":1},"ordering_key":"k","data":null}`,
    "",
  ]);
});

test("standard output gets the same lines", async () => {
  const stdout = new PassThrough();
  const files = await openEventFiles("-", stdout, {});
  await files.write(event("1", "1.10"));
  await files.close();
  stdout.end();
  assert.equal(await text(stdout), `{"id":"1",${HEAD},"data":1.10}\n`);
});

test("a folder gets a file for each event, once, wherever its id would lead", async () => {
  const path = join(directory, "new/");
  const files = await openEventFiles(path, process.stdout, {});
  const long = "x".repeat(256);
  for (const id of ["0198c0de-0000-7000-8000-000000000001", "../../evil", "..", "a/b", long]) {
    await files.write(event(id, '{"n": 1.10,\n"m": 2}'));
  }
  await files.write(event("..", "2"));
  await files.close();
  const names = readdirSync(path).sort();
  assert.equal(names.length, 5);
  assert.deepEqual(
    names.filter((name) => name.length < 60),
    ["..%2F..%2Fevil.json", "...json", "0198c0de-0000-7000-8000-000000000001.json", "a%2Fb.json"],
  );
  assert.equal(readFileSync(join(path, "...json"), "utf8"), `{"id":"..",${HEAD},"data":{"n": 1.10,\n"m": 2}}\n`);
});

test("the payload of a thin event is written in its place, however it is written", async (t) => {
  const server = await scriptedServer(t, (response) => json(response, { large: true }));
  const path = join(directory, "folder");
  mkdirSync(path);
  for (const place of [path, join(directory, "thin.ndjson")]) {
    const files = await openEventFiles(place, process.stdout, {});
    await files.write(thin("1", server.url));
    await files.close();
  }
  const written = `{"id":"1",${HEAD},"data":{"large":true}}\n`;
  assert.equal(readFileSync(join(path, "1.json"), "utf8"), written);
  assert.equal(readFileSync(join(directory, "thin.ndjson"), "utf8"), written);
});

test("nothing is left of an event whose payload cannot be fetched, and the next one is written", async (t) => {
  const server = await scriptedServer(t, (response, _request, nth) => {
    response.writeHead(nth === 1 ? 200 : 410, { "content-length": 10 }).write("[1,", () => response.destroy());
  });
  const path = join(directory, "failing/");
  const files = await openEventFiles(path, process.stdout, {});
  await assert.rejects(files.write(thin("1", server.url)));
  assert.deepEqual(readdirSync(path), []);
  await files.write(event("2", "1"));
  assert.deepEqual(readdirSync(path), ["2.json"]);
  await files.close();
});

test("what cannot be written to is PR0019, and names a folder", async () => {
  const path = join(directory, "missing/events.ndjson");
  await assert.rejects(openEventFiles(path, process.stdout, {}), (thrown: unknown) => {
    assert.ok(thrown instanceof PostriderError);
    assert.match(thrown.message, /^PR0019: cannot write events to \S+: ENOENT.*; name a folder, or a file in a folder/);
    return true;
  });
  assert.ok(!existsSync(path));
});
