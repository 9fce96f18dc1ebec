/** The servers of the daemon itself are refused at dial, whatever the policy allows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OwnServers } from "../../src/http/egress/own.ts";
import { connectProxyFor, proxyAt } from "./connectProxy.ts";
import { answerOf } from "./receiver.ts";
import { assertFailed, assertSucceeded, attempt, receiverFor, requestTo, resolverOf, senderFor } from "./sending.ts";

const REFUSED = /^egress refused \S+: it is the daemon's own Postgres, which no setting allows$/;

function ownAt(host: string, port: number): OwnServers {
  return new OwnServers([{ what: "the daemon's own Postgres", host, port }]);
}

for (const through of ["directly", "through a proxy"] as const) {
  test(`no spelling of an own server is dialled ${through}, and its neighbours are`, async (t) => {
    const [database, neighbour] = [
      await receiverFor(t, () => {}),
      await receiverFor(t, (s) => s.end(answerOf("200 OK"))),
    ];
    const proxy = await connectProxyFor(t);
    const sender = senderFor(
      t,
      {
        own: ownAt("db.internal", database.port),
        ...(through === "directly" ? {} : { proxy: proxyAt(`http://127.0.0.1:${proxy.port}`) }),
        resolve: resolverOf(["127.0.0.1"]).resolve,
      },
      { profile: "custom", allow: ["127.0.0.0/8", "::1", "*.internal", "localhost"], deny: [] },
    );
    for (const host of ["127.0.0.1", "127.1", "0x7f000001", "127.0.0.2", "[::ffff:7f00:1]", "[::1]", "DB.internal."]) {
      for (const scheme of ["http", "https"]) {
        assertFailed(await attempt(sender, requestTo(`${scheme}://${host}:${database.port}/`)), "blocked", REFUSED);
      }
    }
    if (through === "directly") {
      // A proxy resolves names for itself.
      assertFailed(await attempt(sender, requestTo(`http://localhost:${database.port}/`)), "blocked", REFUSED);
      assertFailed(await attempt(sender, requestTo(`http://a.example:${database.port}/`)), "blocked", REFUSED);
    }
    assert.equal(sender.stats.connects, 0);
    assertSucceeded(await attempt(sender, requestTo(`http://127.0.0.1:${neighbour.port}/`)));
    assert.equal(database.connections, 0);
  });
}
