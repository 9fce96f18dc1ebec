import assert from "node:assert/strict";
import { test } from "node:test";
import { makeFormats } from "../../src/format/body.ts";
import { FORMAT_NAMES } from "../../src/format/format.ts";
import { guideText } from "../support/guides.ts";

const FORMATS = makeFormats("postrider");
const PAYLOAD = '{"order_id": 42}';
const EVENT = {
  id: "019ab47e-2c00-7d3a-9f21-3b6f0c8e5a17",
  eventType: "order.paid",
  createdAt: "2026-11-24T09:00:00.123456Z",
  attributes: '{"subject": "o/42"}',
  hasLargeAttributes: false,
};

/** What the guide's table says of a format: its texts in code. */
function rowOf(name: string): readonly string[] {
  const row = guideText("sql/endpoints.md")
    .split("\n")
    .find((line) => line.startsWith(`| \`${name}\` | \`application/`));
  return [...(row ?? "").matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
}

for (const name of FORMAT_NAMES) {
  test(`the guide's example of the format ${name} is what is sent`, () => {
    const { contentType, body, headerLines } = FORMATS[name];
    const headers = headerLines === null ? [] : headerLines(EVENT, null).split("\r\n").slice(0, -1);
    const [shownName, shownType, shownBody, ...shownHeaders] = rowOf(name);
    assert.deepEqual([shownName, shownType, shownBody], [name, contentType, body(EVENT, PAYLOAD)?.toString()]);
    const shown = shownHeaders.filter((code) => code !== "ce-…");
    assert.deepEqual(shown.toSorted(), headers.toSorted());
  });
}
