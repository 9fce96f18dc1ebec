/** Nothing connects to a refused address: every hostile URL and answer of a resolver, seen at listening sockets. */
import assert from "node:assert/strict";
import type { LookupAddress } from "node:dns";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import type { EgressSettings } from "../../src/http/egress/policy.ts";
import type { Sender } from "../../src/http/send.ts";
import { issueCertificate } from "./certificates.ts";
import { type ConnectProxy, connectProxyFor, proxyAt } from "./connectProxy.ts";
import { answerOf, type Receiver } from "./receiver.ts";
import { assertFailed, assertSucceeded, attempt, receiverFor, requestTo, resolverOf, senderFor } from "./sending.ts";

const PUBLIC_ONLY: EgressSettings = { profile: "public-only", allow: [], deny: [] };
const ROWS = JSON.parse(readFileSync(new URL("egress/hostileUrls.json", import.meta.url), "utf8")) as readonly {
  readonly url: string;
  readonly verdict: "allowed" | "refused";
}[];

const REFUSED = ROWS.filter(({ verdict }) => verdict === "refused").map(({ url }) => url);
/** Allowed as URLs, so that what the names resolve to decides. Literal addresses would lead out of this machine. */
const NAMES = ROWS.filter(({ url, verdict }) => verdict === "allowed" && /[a-zⓔ]\.?(:\d+)?\//u.test(url)).map(
  ({ url }) => url,
);

/** The URL by the scheme and, where it names none, at the port. */
function variantOf(url: string, scheme: string, port: number): string {
  const moved = url.replace(/^( ?)http:/, `$1${scheme}:`);
  return moved.replace(/^( ?https?:\/\/(?:\[[^\]/]*\]|[^/:?#[\]\\]+))(?=[/?#\\])/, `$1:${port}`);
}

/** On every address of this machine, of both families: whatever is connected to is seen. */
async function listener(t: TestContext): Promise<Receiver> {
  return receiverFor(t, (socket) => socket.end(answerOf("200 OK")), { host: "::" });
}

interface Way {
  readonly sender: Sender;
  readonly proxy: ConnectProxy | undefined;
}

async function ways(t: TestContext, answers: readonly string[]): Promise<readonly Way[]> {
  const { resolve } = resolverOf(answers);
  const proxy = await connectProxyFor(t);
  const tunnelling = senderFor(t, { resolve, proxy: proxyAt(`http://127.0.0.1:${proxy.port}`) }, PUBLIC_ONLY);
  return [
    { sender: senderFor(t, { resolve }, PUBLIC_ONLY), proxy: undefined },
    { sender: tunnelling, proxy },
  ];
}

for (const scheme of ["http", "https"] as const) {
  test(`${scheme}: no refused URL is connected to, and none is told to a proxy`, async (t) => {
    const target = await listener(t);
    for (const { sender, proxy } of await ways(t, ["127.0.0.1"])) {
      for (const url of REFUSED) {
        for (const variant of new Set([url, variantOf(url, scheme, target.port)])) {
          assertFailed(await attempt(sender, requestTo(variant, { timeoutMs: 60_000 })), "blocked", /^egress refused /);
        }
      }
      assert.deepEqual([sender.stats.connects, proxy?.asked ?? []], [0, []]);
    }
    assert.equal(target.connections, 0);
  });

  test(`${scheme}: no name of the list is connected to if it resolves to a refused address`, async (t) => {
    const target = await listener(t);
    assert.ok(NAMES.length >= 8);
    for (const answers of HOSTILE_ANSWERS) {
      const { resolve } = resolverOf(answers);
      const sender = senderFor(t, { resolve }, PUBLIC_ONLY);
      for (const url of NAMES) {
        const variant = variantOf(url, scheme, target.port);
        const result = await attempt(sender, requestTo(variant, { timeoutMs: 60_000 }));
        assertFailed(
          result,
          "blocked",
          /^egress refused \S+: the name (resolves to an? [a-z-]+ address|resolves to no address of a receiver|has no IP address)/,
        );
        const [, reason = ""] = (result.error ?? "").split(": the name");
        assert.ok(
          answers.every((address) => !reason.includes(address)),
          reason,
        );
      }
      assert.equal(sender.stats.connects, 0);
    }
    assert.equal(target.connections, 0);
  });

  test(`${scheme}: a name that rebinds is not connected to again`, async (t) => {
    const tls = scheme === "https" ? issueCertificate(t, { subjectAltName: "DNS:hooks.example" }) : undefined;
    const options = tls === undefined ? {} : { tls };
    const target = await receiverFor(t, (socket) => socket.end(answerOf("200 OK", "", "connection: close\r\n")), {
      host: "::",
      ...options,
    });
    for (const later of HOSTILE_ANSWERS) {
      const { resolve } = resolverOf(["127.0.0.2"], later);
      const trusted = { trustedCertificates: tls === undefined ? [] : [tls.cert] };
      const sender = senderFor(t, { resolve, ...trusted }, { profile: "custom", allow: ["127.0.0.2"], deny: [] });
      const request = requestTo(`${scheme}://hooks.example:${target.port}/`, { timeoutMs: 60_000 });
      const before = target.connections;
      assertSucceeded(await attempt(sender, request));
      assertFailed(await attempt(sender, request), "blocked", /^egress refused hooks\.example:\d+: the name /);
      assert.deepEqual([target.connections - before, sender.stats.connects], [1, 1]);
    }
  });

  test(`${scheme}: a resolver that is slow ends by the deadline, and its answer connects to nothing later`, async (t) => {
    const target = await listener(t);
    const answer = Promise.withResolvers<LookupAddress[]>();
    const resolve = () => answer.promise;
    const url = `${scheme}://hooks.example:${target.port}/`;
    const egress: EgressSettings = { profile: "custom", allow: ["127.0.0.1"], deny: [] };
    const impatient = senderFor(t, { resolve, connectTimeoutMs: 100 }, egress);
    assertFailed(
      await attempt(impatient, requestTo(url)),
      "timeout",
      /^no connection to hooks\.example:\d+ within 100 ms$/,
    );
    const short = senderFor(t, { resolve }, egress);
    assertFailed(await attempt(short, requestTo(url, { timeoutMs: 100 })), "timeout", /100 ms/);
    const refusing = senderFor(t, { resolve, connectTimeoutMs: 60_000 }, PUBLIC_ONLY);
    const refused = attempt(refusing, requestTo(url, { timeoutMs: 60_000 }));
    answer.resolve([{ address: "127.0.0.1", family: 4 }]);
    assertFailed(await refused, "blocked", /resolves to a loopback/);
    // A connection that one of them made would have come before this one.
    assertSucceeded(
      await attempt(senderFor(t, { resolve }, egress), requestTo(`http://hooks.example:${target.port}/`)),
    );
    assert.equal(target.connections, 1);
    assert.deepEqual(
      [impatient, short, refusing].map(({ stats }) => stats.connects),
      [0, 0, 0],
    );
  });
}

/** What a hostile zone may answer: an address of this machine, alone, in disguise, and behind or before a public one. */
const HOSTILE_ANSWERS = [
  ["127.0.0.1"],
  ["::1"],
  ["0.0.0.0"],
  ["::"],
  ["::ffff:127.0.0.1"],
  ["::ffff:7f00:1"],
  ["::127.0.0.1"],
  ["::ffff:0:127.0.0.1"],
  ["64:ff9b::127.0.0.1"],
  ["2002:7f00:1::1"],
  ["169.254.169.254"],
  ["fe80::1%lo"],
  ["127.0.0.1", "8.8.8.8"],
  ["8.8.8.8", "127.0.0.1"],
  ["8.8.8.8", "::1"],
  ["2606:4700:4700::1111", "8.8.8.8", "::ffff:127.0.0.1"],
] as const;
