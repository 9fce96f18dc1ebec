import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { OwnServers, type Peer } from "../../../src/http/egress/own.ts";
import { policyOf } from "../../support/egress.ts";

const WHAT = "the daemon's own Postgres";
const REFUSED = `it is ${WHAT}, which no setting allows`;

function serversAt(host: string, ...peers: readonly Peer[]): OwnServers {
  return new OwnServers([{ what: WHAT, host, port: 5432 }], () => peers);
}

const nothing = async (): Promise<readonly string[]> => [];

test("a server is known by its name, however it is written, and at its port alone", async () => {
  const servers = serversAt("DB.internal.");
  assert.equal(await servers.refusalOf("db.internal", 5432, [], nothing), REFUSED);
  assert.equal(await servers.refusalOf("db.internal", 8080, [], nothing), undefined);
  assert.equal(await servers.refusalOf("other.internal", 5432, ["10.0.0.9"], nothing), undefined);
});

for (const [spelling, address] of [
  ["an address", "10.0.0.9"],
  ["the mapped form", "::ffff:10.0.0.9"],
  ["the mapped form in hexadecimal", "::ffff:a00:9"],
  ["the form behind NAT64", "64:ff9b::10.0.0.9"],
] as const) {
  test(`a server is known by each address that its name has now: ${spelling}`, async () => {
    const asked: string[] = [];
    const resolve = async (name: string): Promise<readonly string[]> => {
      asked.push(name);
      return ["10.0.0.8", "10.0.0.9"];
    };
    const servers = serversAt("db.internal");
    assert.equal(await servers.refusalOf("harmless.example", 5432, ["8.8.8.8", address], resolve), REFUSED);
    assert.equal(await servers.refusalOf("harmless.example", 5432, ["10.0.0.7"], resolve), undefined);
    assert.equal(await servers.refusalOf("harmless.example", 443, [address], resolve), undefined);
    assert.deepEqual(asked, ["db.internal", "db.internal"]);
  });
}

test("a server is known by where connections to it have led, although its name leads elsewhere now", async () => {
  const servers = serversAt(
    "db.internal",
    { address: "::ffff:10.0.0.9", port: 5432 },
    { address: "10.0.0.3", port: 1 },
  );
  const resolve = async (): Promise<readonly string[]> => ["10.0.0.8"];
  assert.equal(await servers.refusalOf("10.0.0.9", 5432, ["10.0.0.9"], resolve), REFUSED);
  assert.equal(await servers.refusalOf("10.0.0.8", 5432, ["10.0.0.8"], resolve), REFUSED);
  assert.equal(await servers.refusalOf("10.0.0.3", 5432, ["10.0.0.3"], resolve), undefined);
});

test("a server on this machine is known by every address of the machine", async () => {
  const interfaces = Object.values(networkInterfaces()).flatMap((each) => each?.map(({ address }) => address) ?? []);
  for (const host of ["127.0.0.1", "::1", "[::1]", "/var/run/postgresql", ...interfaces]) {
    const servers = serversAt(host);
    for (const address of ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", ...interfaces]) {
      assert.equal(await servers.refusalOf(address, 5432, [address], nothing), REFUSED, `${host} at ${address}`);
    }
    assert.equal(await servers.refusalOf("10.99.99.99", 5432, ["10.99.99.99"], nothing), undefined);
  }
});

test("a server is known behind a NAT64 prefix of the network", async () => {
  const { nat64 } = policyOf({ nat64: ["2001:67c:2960:6464::/96"] });
  const servers = new OwnServers([{ what: WHAT, host: "10.0.0.9", port: 5432 }], () => [], nat64);
  const [own, other] = ["2001:67c:2960:6464::10.0.0.9", "2001:67c:2960:6464::10.0.0.8"];
  assert.equal(await servers.refusalOf(own, 5432, [own], nothing), REFUSED);
  assert.equal(await servers.refusalOf(other, 5432, [other], nothing), undefined);
});
