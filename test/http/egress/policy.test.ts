import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { classOf } from "../../../src/http/egress/addresses.ts";
import {
  type EgressProblem,
  type EgressSettings,
  judgeAddress,
  judgeUnresolved,
  judgeUrl,
  parseEgressPolicy,
} from "../../../src/http/egress/policy.ts";
import { policyOf } from "../../support/egress.ts";

interface Row {
  readonly url: string;
  readonly verdict: "allowed" | "refused";
}

const ROWS = JSON.parse(readFileSync(new URL("hostileUrls.json", import.meta.url), "utf8")) as readonly Row[];

function problemsOf(settings: Partial<EgressSettings>): readonly EgressProblem[] {
  const parsed = parseEgressPolicy({ profile: "custom", allow: [], deny: [], ...settings });
  assert.equal(parsed.kind, "problems");
  return parsed.problems;
}

const PUBLIC_ONLY = policyOf();
const PRIVATE_OK = policyOf({ profile: "private-ok" });

for (const row of ROWS) {
  test(`public-only: ${JSON.stringify(row.url)} is ${row.verdict}`, () => {
    const verdict = judgeUrl(PUBLIC_ONLY, row.url);
    assert.equal(verdict.verdict, row.verdict, JSON.stringify(verdict));
  });
}

const ADDRESSES: readonly (readonly [string, "both" | "private-ok" | "none"])[] = [
  ["8.8.8.8", "both"],
  ["172.15.255.255", "both"],
  ["172.32.0.0", "both"],
  ["100.63.255.255", "both"],
  ["100.128.0.0", "both"],
  ["223.255.255.255", "both"],
  ["168.63.129.15", "both"],
  ["2606:4700:4700::1111", "both"],
  ["::ffff:8.8.8.8", "both"],
  ["10.0.0.0", "private-ok"],
  ["10.255.255.255", "private-ok"],
  ["172.16.0.0", "private-ok"],
  ["192.168.255.255", "private-ok"],
  ["100.64.0.0", "private-ok"],
  ["fd12::1", "private-ok"],
  ["::ffff:10.1.2.3", "private-ok"],
  ["::ffff:a01:203", "private-ok"],
  ["100.100.100.200", "none"],
  ["fd00:ec2::254", "none"],
  ["fd20:ce::254", "none"],
  ["168.63.129.16", "none"],
  ["169.254.169.254", "none"],
  ["169.254.1.1", "none"],
  ["127.0.0.1", "none"],
  ["127.255.255.255", "none"],
  ["0.0.0.0", "none"],
  ["0.255.255.255", "none"],
  ["224.0.0.1", "none"],
  ["255.255.255.255", "none"],
  ["192.0.2.1", "none"],
  ["::1", "none"],
  ["::", "none"],
  ["::127.0.0.1", "none"],
  ["::8.8.8.8", "none"],
  ["::ffff:127.0.0.2", "none"],
  ["::ffff:0:8.8.8.8", "none"],
  ["64:ff9b::8.8.8.8", "none"],
  ["64:ff9b::10.0.0.1", "none"],
  ["64:ff9b::127.0.0.1", "none"],
  ["64:ff9b::169.254.169.254", "none"],
  ["64:ff9b:1::8.8.8.8", "none"],
  ["2002:808:808::1", "none"],
  ["2001:0:1::1", "none"],
  ["fe80::1", "none"],
  ["fe80::1%eth0", "none"],
  ["ff02::1", "none"],
  ["4000::1", "none"],
  ["0177.0.0.1", "none"],
  ["localhost", "none"],
  ["", "none"],
];

for (const [ip, allowedBy] of ADDRESSES) {
  test(`the address ${JSON.stringify(ip)} is allowed by ${allowedBy}`, () => {
    assert.equal(judgeAddress(PUBLIC_ONLY, ip).verdict, allowedBy === "both" ? "allowed" : "refused");
    assert.equal(judgeAddress(PRIVATE_OK, ip).verdict, allowedBy === "none" ? "refused" : "allowed");
  });
}

test("private-ok opens names of the private network, and not those of the machine itself", () => {
  for (const host of ["orders.shop.svc", "orders", "db.internal", "printer.local"]) {
    assert.equal(judgeUrl(PRIVATE_OK, `http://${host}/`).verdict, "allowed", host);
    assert.equal(judgeUrl(PUBLIC_ONLY, `http://${host}/`).verdict, "refused", host);
  }
  for (const host of ["localhost", "LOCALHOST.", "a.localhost"]) {
    assert.equal(judgeUrl(PRIVATE_OK, `http://${host}/`).verdict, "refused", host);
  }
});

test("the URL that is allowed has no trailing dot after its host", () => {
  const verdict = judgeUrl(PUBLIC_ONLY, "https://hooks.example.com.:8443/a?b=c");
  assert.equal(verdict.verdict === "allowed" && verdict.url.href, "https://hooks.example.com:8443/a?b=c");
});

test("a host name longer than 253 characters, or a label longer than 63, is refused", () => {
  const label = "a".repeat(63);
  assert.equal(judgeUrl(PUBLIC_ONLY, `https://${label}.com/`).verdict, "allowed");
  assert.equal(judgeUrl(PUBLIC_ONLY, `https://${label}a.com/`).verdict, "refused");
  assert.equal(judgeUrl(PUBLIC_ONLY, `https://${`${label}.`.repeat(4)}com/`).verdict, "refused");
});

test("ports below 1024 are refused unless they are listed, and port 0 always is", () => {
  const policy = policyOf({ lowPorts: ["443", "444"] });
  assert.equal(judgeUrl(policy, "https://example.com:444/").verdict, "allowed");
  assert.equal(judgeUrl(policy, "https://example.com:1024/").verdict, "allowed");
  assert.equal(judgeUrl(policy, "http://example.com/").verdict, "refused");
  assert.equal(judgeUrl(policy, "https://example.com:0/").verdict, "refused");
});

test("a refusal names the rule and the settings that change it", () => {
  const custom = policyOf({ profile: "custom", allow: ["10.1.0.0/16"], deny: ["8.8.8.0/24", "*.evil.test"] });
  for (const [policy, url, reason] of [
    [
      PUBLIC_ONLY,
      "https://example.com:81/",
      "of the ports below 1024, POSTRIDER_EGRESS_PORTS allows 80, 443, and not 81",
    ],
    [
      policyOf({ lowPorts: [] }),
      "http://example.com/",
      "of the ports below 1024, POSTRIDER_EGRESS_PORTS allows none, and not 80",
    ],
    [
      PUBLIC_ONLY,
      "http://10.0.0.1/",
      "10.0.0.1 is a private address; POSTRIDER_EGRESS is public-only: private-ok allows private networks, and custom allows what POSTRIDER_EGRESS_ALLOW lists",
    ],
    [
      PUBLIC_ONLY,
      "http://db.internal/",
      "the host db.internal is a name of a private network; POSTRIDER_EGRESS is public-only: private-ok allows private networks, and custom allows what POSTRIDER_EGRESS_ALLOW lists",
    ],
    [
      PUBLIC_ONLY,
      "http://127.0.0.1/",
      "127.0.0.1 is a loopback address; POSTRIDER_EGRESS is public-only: custom allows what POSTRIDER_EGRESS_ALLOW lists",
    ],
    [
      PRIVATE_OK,
      "http://localhost/",
      "the host localhost is this machine; POSTRIDER_EGRESS is private-ok: custom allows what POSTRIDER_EGRESS_ALLOW lists",
    ],
    [
      PRIVATE_OK,
      "http://169.254.169.254/",
      "169.254.169.254 is a metadata address; POSTRIDER_EGRESS is private-ok: custom allows what POSTRIDER_EGRESS_ALLOW lists",
    ],
    [custom, "http://10.2.0.1/", "10.2.0.1 is a private address; POSTRIDER_EGRESS_ALLOW does not list it"],
    [custom, "http://localhost/", "the host localhost is this machine; POSTRIDER_EGRESS_ALLOW does not list it"],
    [custom, "http://8.8.8.8/", "8.8.8.8 is on the deny list, POSTRIDER_EGRESS_DENY"],
    [custom, "http://a.evil.test/", "the host a.evil.test is on the deny list, POSTRIDER_EGRESS_DENY"],
  ] as const) {
    assert.deepEqual(judgeUrl(policy, url), { verdict: "refused", reason });
  }
});

test("custom: what allows this machine's address means its names, too, if their addresses are judged", () => {
  for (const allow of ["127.0.0.1", "127.0.0.0/8", "::1"]) {
    const policy = policyOf({ profile: "custom", allow: [allow] });
    for (const host of ["localhost", "LOCALHOST.", "a.localhost", "localhost.localdomain"]) {
      assert.equal(judgeUrl(policy, `http://${host}:8080/`).verdict, "allowed", host);
    }
    assert.equal(judgeAddress(policy, allow === "::1" ? "127.0.0.1" : "::1", "localhost").verdict, "refused");
    assert.equal(judgeUnresolved(policy, "localhost").verdict, "refused");
    assert.equal(judgeUrl(policy, "http://db.internal/").verdict, "refused");
  }
  for (const allow of ["127.0.0.5", "10.0.0.0/8"]) {
    const policy = policyOf({ profile: "custom", allow: [allow] });
    assert.equal(judgeUrl(policy, "http://localhost:8080/").verdict, "refused", allow);
  }
});

test("custom: what allows private addresses leaves names of private networks to their addresses", () => {
  for (const allow of ["10.0.0.0/8", "192.168.1.7", "fd00::/8"]) {
    const policy = policyOf({ profile: "custom", allow: [allow], deny: ["secret.internal"] });
    for (const host of ["orders", "db.internal", "orders.shop.svc"]) {
      assert.equal(judgeUrl(policy, `http://${host}/`).verdict, "allowed", host);
      assert.equal(judgeUnresolved(policy, host).verdict, "refused", host);
    }
    assert.equal(judgeAddress(policy, "172.16.0.1", "db.internal").verdict, "refused");
    assert.equal(judgeUrl(policy, "http://secret.internal/").verdict, "refused");
  }
  const policy = policyOf({ profile: "custom", allow: ["8.8.8.8"] });
  assert.equal(judgeUrl(policy, "http://db.internal/").verdict, "refused");
});

test("custom: an allowed CIDR opens loopback, in each of its spellings, and nothing else", () => {
  const policy = policyOf({ profile: "custom", allow: ["127.0.0.0/8"] });
  for (const host of ["127.0.0.1", "127.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0x7f000001"]) {
    assert.equal(judgeUrl(policy, `http://${host}:8080/`).verdict, "allowed", host);
  }
  for (const host of ["[::1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "10.0.0.1"]) {
    assert.equal(judgeUrl(policy, `http://${host}:8080/`).verdict, "refused", host);
  }
});

test("custom: an allowed host opens the name and its private and loopback addresses, never metadata", () => {
  const policy = policyOf({ profile: "custom", allow: ["localhost", "*.corp.internal", "10.1.2.3"] });
  assert.equal(judgeUrl(policy, "http://localhost:8080/").verdict, "allowed");
  assert.equal(judgeAddress(policy, "127.0.0.1", "localhost").verdict, "allowed");
  assert.equal(judgeAddress(policy, "127.0.0.1", "other.example.com").verdict, "refused");
  assert.equal(judgeAddress(policy, "10.9.9.9", "a.b.CORP.internal.").verdict, "allowed");
  assert.equal(judgeAddress(policy, "169.254.169.254", "a.corp.internal").verdict, "refused");
  assert.equal(judgeUrl(policy, "http://corp.internal/").verdict, "refused");
  assert.equal(judgeUrl(policy, "http://evilcorp.internal/").verdict, "refused");
  assert.equal(judgeUrl(policy, "http://10.1.2.3/").verdict, "allowed");
  assert.equal(judgeUrl(policy, "http://10.1.2.4/").verdict, "refused");
});

test("custom: deny wins over allow, by name and by address, also behind NAT64", () => {
  const policy = policyOf({
    profile: "custom",
    allow: ["10.0.0.0/8", "*.example.com"],
    deny: ["10.0.0.0/24", "evil.example.com", "8.8.8.0/24"],
  });
  assert.equal(judgeUrl(policy, "http://10.0.1.1/").verdict, "allowed");
  assert.equal(judgeUrl(policy, "http://10.0.0.1/").verdict, "refused");
  assert.equal(judgeUrl(policy, "http://[::ffff:10.0.0.1]/").verdict, "refused");
  assert.equal(judgeUrl(policy, "https://evil.example.com/").verdict, "refused");
  assert.equal(judgeAddress(policy, "1.1.1.1", "evil.example.com").verdict, "refused");
  assert.equal(judgeAddress(policy, "64:ff9b::8.8.8.8").verdict, "refused");
  assert.equal(judgeAddress(policy, "64:ff9b::10.0.1.1").verdict, "refused");
});

test("an address behind a NAT64 prefix of the network is judged by the IPv4 address that it embeds", () => {
  for (const prefix of ["64:ff9b::", "64:ff9b:1::", "2001:67c:2960:6464::"]) {
    const nat64 = [`${prefix}/96`];
    for (const profile of ["public-only", "private-ok"] as const) {
      const policy = policyOf({ profile, nat64 });
      assert.equal(judgeAddress(policy, `${prefix}8.8.8.8`).verdict, "allowed");
      assert.equal(judgeAddress(policy, `${prefix}10.0.0.1`).verdict, profile === "private-ok" ? "allowed" : "refused");
      for (const ip of ["127.0.0.1", "0.0.0.0", "169.254.169.254", "100.100.100.200", "168.63.129.16", "224.0.0.1"]) {
        assert.equal(judgeAddress(policy, prefix + ip).verdict, "refused", ip);
      }
    }
    const custom = policyOf({ profile: "custom", allow: ["127.0.0.1", "10.1.0.0/16"], deny: ["8.8.8.0/24"], nat64 });
    assert.equal(judgeAddress(custom, `${prefix}10.1.0.1`).verdict, "allowed");
    assert.equal(judgeAddress(custom, `${prefix}10.2.0.1`).verdict, "refused");
    assert.equal(judgeAddress(custom, `${prefix}127.0.0.1`).verdict, "refused");
    assert.equal(judgeAddress(custom, `${prefix}8.8.8.8`).verdict, "refused");
  }
  assert.deepEqual(judgeAddress(PUBLIC_ONLY, "64:ff9b::8.8.8.8"), {
    verdict: "refused",
    reason:
      "64:ff9b::8.8.8.8 is a translated address; POSTRIDER_EGRESS_NAT64=64:ff9b::/96 judges the IPv4 address behind NAT64; POSTRIDER_EGRESS is public-only: custom allows what POSTRIDER_EGRESS_ALLOW lists",
  });
});

test("the reason for refusing a name does not say what the name resolves to", () => {
  const custom = policyOf({ profile: "custom", deny: ["8.8.8.0/24", "*.evil.test"] });
  for (const [policy, ip, host, reason] of [
    [
      PRIVATE_OK,
      "127.0.0.1",
      "a.example",
      /^the name resolves to a loopback address; POSTRIDER_EGRESS is private-ok: /,
    ],
    [PUBLIC_ONLY, "::ffff:10.0.0.1", "a.example", /^the name resolves to a private address; .*private-ok allows/],
    [PUBLIC_ONLY, "64:ff9b::10.0.0.1", "a.example", /^the name resolves to a translated address; /],
    [
      policyOf({ nat64: ["64:ff9b::/96"] }),
      "64:ff9b::10.0.0.1",
      "a.example",
      /resolves to a private address behind NAT64; /,
    ],
    [custom, "8.8.8.8", "a.example", /^what the name resolves to is on the deny list, POSTRIDER_EGRESS_DENY$/],
    [custom, "1.1.1.1", "a.evil.test", /^the host a.evil.test is on the deny list, POSTRIDER_EGRESS_DENY$/],
    [PUBLIC_ONLY, "fe80::1%eth0", "a.example", /^the name has no IP address$/],
  ] as const) {
    const verdict = judgeAddress(policy, ip, host);
    assert.ok(verdict.verdict === "refused");
    assert.match(verdict.reason, reason);
    assert.doesNotMatch(verdict.reason, /127\.0|10\.0|8\.8\.8|fe80/);
  }
});

test("everything wrong with the settings is reported at once", () => {
  const problems = problemsOf({
    allow: ["10.0.0.0/33", "10.1.2.3/8", "10.1.2", "*", "a b", "http://x/", "::/129", "::ffff:1.2.3.4/95", ""],
    deny: ["10.0.0.0/", "256.1.1.1"],
    lowPorts: ["0", "81", "1024", "http", "-1", "8 1", ""],
    nat64: ["64:ff9b::/64", "64:ff9b::", "::ffff:0:0/96", "10.0.0.0/8", "nat"],
  });
  const lists = problems.map(({ list }) => list);
  assert.deepEqual(lists, [
    ...Array(9).fill("allow"),
    ...Array(2).fill("deny"),
    ...Array(6).fill("lowPorts"),
    ...Array(5).fill("nat64"),
  ]);
  assert.deepEqual(problems[0], {
    ...{ kind: "entry", list: "allow", entry: "10.0.0.0/33" },
    remedy: "give a prefix length from 0 to 32",
  });
});

test("lists with a profile that does not read them are a problem, not ignored", () => {
  assert.deepEqual(problemsOf({ profile: "public-only", deny: ["10.0.0.0/8"] }), [{ kind: "unused", list: "deny" }]);
});

test("an IPv4 address and its mapped form are of one class, whatever the address", () => {
  fc.assert(
    fc.property(fc.ipV4(), (ip) => {
      assert.equal(classOf(`::ffff:${ip}`), classOf(ip));
    }),
  );
});

test("no IPv6 address outside 2000::/3 is public, and each has a class", () => {
  fc.assert(
    fc.property(fc.ipV6(), (ip) => {
      const addressClass = classOf(ip);
      assert.notEqual(addressClass, undefined);
      const first = Number.parseInt(ip.split(":")[0] || "0", 16);
      if (addressClass === "public" && classOf(ip) !== undefined && !/^(0*:)*:?(0*:)*ffff:/i.test(ip)) {
        assert.equal(first >> 13, 1, ip);
      }
    }),
  );
});
