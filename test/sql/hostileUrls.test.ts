/** SQL refuses the URLs that no daemon would send to, and no others: it does not know the settings of daemons. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import pg from "pg";
import { judgeUrl } from "../../src/http/egress/policy.ts";
import { useDatabase } from "../support/database.ts";
import { policyOf } from "../support/egress.ts";

const database = useDatabase();

const URLS = (
  JSON.parse(readFileSync(new URL("../http/egress/hostileUrls.json", import.meta.url), "utf8")) as { url: string }[]
).map(({ url }) => url);

/** As much as any settings can allow. */
const EVERYTHING = policyOf({
  profile: "custom",
  allow: ["0.0.0.0/0", "::/0", "localhost", "*.localhost", "*.internal", "*.svc", "*.com", "example"],
  lowPorts: Array.from({ length: 1_023 }, (_, index) => String(index + 1)),
});

/** Spellings that a daemon reads, and judges by the address that they mean. SQL cannot, so it wants the plain one. */
const SPELLINGS = [
  "http://127.1/",
  "http://127.0.1/",
  "http://2130706433/",
  "http://0x7f000001/",
  "http://0x7f.0.0.1/",
  "http://0177.0.0.1/",
  "http://017700000001/",
  "http://127.0.0.1./",
  "http://127%2e0%2e0%2e1/",
];

async function refusalOf(url: string): Promise<string | undefined> {
  try {
    await database.pool.query("select $1::postrider.endpoint_url", [url]);
    return undefined;
  } catch (thrown) {
    assert.ok(thrown instanceof pg.DatabaseError);
    return thrown.constraint ?? thrown.message;
  }
}

for (const url of URLS) {
  test(`${JSON.stringify(url)} is refused in SQL if and only if no daemon would send to it`, async () => {
    const isSendable = judgeUrl(EVERYTHING, url).verdict === "allowed";
    const refusal = await refusalOf(url);
    assert.equal(refusal === undefined, isSendable && !SPELLINGS.includes(url), refusal ?? "not refused");
  });
}

for (const [url, constraint] of [
  ["http://example..com/", "url has a host of at most 253 characters, in labels of 1 to 63"],
  ["http://.example.com/", "url has a host of at most 253 characters, in labels of 1 to 63"],
  [`http://${"a".repeat(64)}.example/`, "url has a host of at most 253 characters, in labels of 1 to 63"],
  [`http://${"abcdefghi.".repeat(25)}abcd/`, "url has a host of at most 253 characters, in labels of 1 to 63"],
  ["http://%31%32%37.0.0.1/", "url has a host in plain characters, without %"],
  ["http://127.1/", "url has an IPv4 address as four numbers from 0 to 255"],
  ["http://0x7f000001:8080/", "url has an IPv4 address as four numbers from 0 to 255"],
  ["http://example.0x/", "url has an IPv4 address as four numbers from 0 to 255"],
  ["http://256.1.1.1/", "url has an IPv4 address as four numbers from 0 to 255"],
  ["http://1.2.3.4.5/", "url has an IPv4 address as four numbers from 0 to 255"],
  ["http://010.1.1.1/", "url has an IPv4 address as four numbers from 0 to 255"],
  ["http://0.0.0.0:8080/", "url has no unspecified, multicast or broadcast address"],
  ["http://0.1.2.3", "url has no unspecified, multicast or broadcast address"],
  ["http://239.1.2.3?a", "url has no unspecified, multicast or broadcast address"],
  ["http://255.255.255.255/", "url has no unspecified, multicast or broadcast address"],
  ["http://[::]:80/", "url has no unspecified, multicast or broadcast address"],
  ["http://[FF02::1]/", "url has no unspecified, multicast or broadcast address"],
] as const) {
  test(`SQL refuses ${JSON.stringify(url)} by the check that says why`, async () => {
    assert.equal(await refusalOf(url), constraint);
    assert.equal(judgeUrl(EVERYTHING, url).verdict, SPELLED_ADDRESS.test(url) ? "allowed" : "refused");
  });
}

/** Of those above, what a daemon reads as an address that it may be allowed to send to. */
const SPELLED_ADDRESS = /%31|127\.1|0x7f|010\./;

for (const url of [
  "http://0.example/",
  "http://224.example/",
  "http://a.0x.example/",
  "http://1.2.3.4:8080/a%20b",
  "http://1.2.3.4?a=b..c&d=%31",
  `http://${"abcdefghi.".repeat(25)}abc/`,
  `http://${"a".repeat(63)}.example./`,
  "http://[fe80::1]/",
  "http://[::ffff:127.0.0.1]/",
  "http://254.255.255.255/",
]) {
  test(`SQL leaves ${JSON.stringify(url)} to the daemons`, async () => {
    assert.equal(await refusalOf(url), undefined);
    assert.equal(judgeUrl(EVERYTHING, url).verdict, "allowed");
  });
}
