import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { rootCertificates } from "node:tls";
import fc from "fast-check";
import { parseDurationMs } from "../../src/config/duration.ts";
import type { Environment } from "../../src/config/environment.ts";
import { type CommandNeeds, type Config, readConfig } from "../../src/config/read.ts";
import { SETTINGS } from "../../src/config/settings.ts";
import { settingsTable } from "../../src/config/settingsTable.ts";
import { PostriderError } from "../../src/ground/errors.ts";
import { policyOf } from "../support/egress.ts";
import { guideBlock } from "../support/guides.ts";

const RUN: CommandNeeds = { name: "run", database: "required" };
const DEV: CommandNeeds = { name: "dev", database: "optional" };
const URL_TEXT = "postgres://app:s3cret-word@db.example:5432/app";
const ENV: Environment = { DATABASE_URL: URL_TEXT };

const directory = mkdtempSync(join(tmpdir(), "postrider-config-"));
after(() => rmSync(directory, { recursive: true }));

function fileHolding(text: string): string {
  const path = join(directory, `secret-${Math.random()}`);
  writeFileSync(path, text);
  return path;
}

function read(env: Environment, command = RUN): Config {
  return readConfig(env, command);
}

/** The faults that reading ends in, each as one line without its code. */
function faultsOf(env: Environment, command = RUN): readonly string[] {
  try {
    read(env, command);
  } catch (thrown) {
    assert.ok(thrown instanceof PostriderError);
    assert.equal(thrown.exitStatus, 2);
    assert.ok(thrown.faults.every(({ code }) => code === "PR0002"));
    return thrown.faults.map(({ problem, found, remedy }) => `${problem}: ${found}; ${remedy}`);
  }
  return [];
}

function oneFault(env: Environment, command = RUN): string {
  const faults = faultsOf(env, command);
  assert.equal(faults.length, 1, faults.join("\n"));
  return faults[0] ?? "";
}

test("with nothing but a database every setting has its default", () => {
  assert.deepEqual(read(ENV), {
    databaseUrl: URL_TEXT,
    databaseUrlFile: null,
    listenUrl: null,
    listenUrlFile: null,
    preparedStatements: null,
    processes: 1,
    maxInFlight: 256,
    pollIntervalMs: 1_000,
    shutdownGraceMs: 20_000,
    retentionMs: null,
    egress: policyOf(),
    egressProxy: null,
    caCertificates: [],
    source: "postrider",
    encryptionKeys: [],
    httpListen: { host: "127.0.0.1", port: 8427, isExplicit: false },
    publicUrl: null,
    apiDatabaseUrl: null,
    apiDatabaseUrlFile: null,
    apiListen: { host: "127.0.0.1", port: 8429, isExplicit: false },
    apiHosts: [],
    trustedUsers: null,
    portalListen: null,
    portalHosts: [],
    portalOrigins: [],
    metricsEndpoints: 0,
    logLevel: "info",
    traces: null,
    warnings: [],
  });
});

test("every setting is read", () => {
  const config = read({
    DATABASE_URL: URL_TEXT,
    POSTRIDER_LISTEN_URL: "postgresql://direct/app",
    POSTRIDER_PREPARED_STATEMENTS: "off",
    POSTRIDER_PROCESSES: "4",
    POSTRIDER_MAX_IN_FLIGHT: "10000",
    POSTRIDER_POLL_INTERVAL: "500ms",
    POSTRIDER_SHUTDOWN_GRACE: "5 min",
    POSTRIDER_RETENTION: "90d",
    POSTRIDER_EGRESS: "custom",
    POSTRIDER_EGRESS_ALLOW: "10.0.0.0/8, *.internal.example,",
    POSTRIDER_EGRESS_DENY: "203.0.113.7",
    POSTRIDER_EGRESS_PORTS: "443, 81",
    POSTRIDER_EGRESS_NAT64: "64:ff9b::/96",
    POSTRIDER_EGRESS_PROXY: "http://shop:s3cret-word@proxy.internal:3128",
    POSTRIDER_CA_FILE: fileHolding(rootCertificates.slice(0, 2).join("\n")),
    POSTRIDER_SOURCE: "https://shop.example.com/orders",
    POSTRIDER_HTTP_LISTEN: "[::]:80",
    POSTRIDER_PUBLIC_URL: "https://events.example.com/postrider/",
    POSTRIDER_API_DATABASE_URL: "postgres://console@db.example/app",
    POSTRIDER_API_LISTEN: "off",
    POSTRIDER_API_HOSTS: "postrider.internal, ops.example",
    POSTRIDER_PORTAL_LISTEN: "0.0.0.0:8430",
    POSTRIDER_PORTAL_HOSTS: "webhooks.example",
    POSTRIDER_PORTAL_ORIGINS: "https://app.example,http://localhost:3000",
    POSTRIDER_METRICS_ENDPOINTS: "50",
    POSTRIDER_LOG_LEVEL: "silent",
  });
  assert.deepEqual(config, {
    databaseUrl: URL_TEXT,
    databaseUrlFile: null,
    listenUrl: "postgresql://direct/app",
    listenUrlFile: null,
    preparedStatements: false,
    processes: 4,
    maxInFlight: 10_000,
    pollIntervalMs: 500,
    shutdownGraceMs: 300_000,
    retentionMs: 90 * 86_400_000,
    egress: policyOf({
      profile: "custom",
      allow: ["10.0.0.0/8", "*.internal.example"],
      deny: ["203.0.113.7"],
      lowPorts: ["443", "81"],
      nat64: ["64:ff9b::/96"],
    }),
    egressProxy: {
      origin: { secure: false, hostname: "proxy.internal", port: 3128 },
      authorization: `Basic ${Buffer.from("shop:s3cret-word").toString("base64")}`,
    },
    caCertificates: [rootCertificates[0], rootCertificates[1]],
    source: "https://shop.example.com/orders",
    encryptionKeys: [],
    httpListen: { host: "::", port: 80, isExplicit: true },
    publicUrl: "https://events.example.com/postrider",
    apiDatabaseUrl: "postgres://console@db.example/app",
    apiDatabaseUrlFile: null,
    apiListen: null,
    apiHosts: ["postrider.internal", "ops.example"],
    trustedUsers: null,
    portalListen: { host: "0.0.0.0", port: 8430, isExplicit: true },
    portalHosts: ["webhooks.example"],
    portalOrigins: ["https://app.example", "http://localhost:3000"],
    metricsEndpoints: 50,
    logLevel: "silent",
    traces: null,
    warnings: [],
  });
});

test("sites that may embed the portal are origins as a browser writes them", () => {
  const remedy = "use origins such as https://app.example.com: in small letters, without a path and the default port";
  for (const text of [
    ...["app.example.com", "https://app.example.com/", "https://App.example.com", "https://app.example.com:443"],
    ...["https://*.example.com", "https://a.example 'unsafe'", "https://a.example; script-src *", "null"],
  ]) {
    assert.equal(
      oneFault({ ...ENV, POSTRIDER_PORTAL_ORIGINS: text }),
      `cannot read POSTRIDER_PORTAL_ORIGINS: it has ${JSON.stringify(text)}; ${remedy}`,
    );
  }
});

test("the listener has an address with a port, or none", () => {
  const listen = (text: string) => read({ ...ENV, POSTRIDER_HTTP_LISTEN: text }).httpListen;
  assert.equal(listen("off"), null);
  assert.deepEqual(listen("daemon.internal:0"), { host: "daemon.internal", port: 0, isExplicit: true });
  assert.deepEqual(listen("[fe80::1%eth0]:8427"), { host: "fe80::1%eth0", port: 8427, isExplicit: true });
  for (const text of ["8427", ":8427", "0.0.0.0", "::1:8427", "a:65536", "http://a:1", "[a]:1", "on"]) {
    const remedy = "use HOST:PORT such as 127.0.0.1:8427, [ADDRESS]:PORT for IPv6, or off";
    assert.equal(
      oneFault({ ...ENV, POSTRIDER_HTTP_LISTEN: text }),
      `cannot read POSTRIDER_HTTP_LISTEN: it is ${JSON.stringify(text)}; ${remedy}`,
    );
  }
});

const TRUSTING = {
  ...ENV,
  POSTRIDER_TRUSTED_USER_HEADER: "X-Forwarded-User",
  POSTRIDER_TRUSTED_GROUPS_HEADER: "X-Forwarded-Groups",
  POSTRIDER_TRUSTED_GROUPS: "ops = operate+payload, cn=a=admin,*=read",
  POSTRIDER_TRUSTED_PROXIES: "10.0.3.0/24, ::1",
};

test("users whom a proxy names have the scopes of their groups, and count only from its addresses", () => {
  const users = read(TRUSTING).trustedUsers;
  assert.ok(users !== null);
  assert.deepEqual([users.userHeader, users.groupsHeader], ["x-forwarded-user", "x-forwarded-groups"]);
  assert.deepEqual(
    [...users.scopesOf],
    [
      ["ops", ["operate", "payload"]],
      ["cn=a", ["admin"]],
      ["*", ["read"]],
    ],
  );
  const isProxy = (address: string, family: "ipv4" | "ipv6") => users.proxies.check(address, family);
  assert.deepEqual(
    [isProxy("10.0.3.9", "ipv4"), isProxy("::ffff:10.0.3.9", "ipv6"), isProxy("::1", "ipv6")],
    [true, true, true],
  );
  assert.deepEqual(
    [isProxy("10.0.4.9", "ipv4"), isProxy("127.0.0.1", "ipv4"), isProxy("::2", "ipv6")],
    [false, false, false],
  );
});

test("the settings for a proxy that the guide shows are read as it says", () => {
  const shown = guideBlock("src/console/README.md", "Behind a proxy", "sh").trim().split("\n");
  const settings = Object.fromEntries(shown.map((line) => line.split(/=(.*)/s, 2)));
  const users = read({ ...ENV, ...settings }).trustedUsers;
  assert.deepEqual([...(users?.scopesOf.keys() ?? [])], ["admins", "ops", "*"]);
  assert.ok(users?.proxies.check("10.0.3.7", "ipv4"));
});

test("a trusted header without the rest, or a rest without it, is refused, as is what would trust everybody", () => {
  const faultOf = (name: keyof typeof TRUSTING, value: string) => oneFault({ ...TRUSTING, [name]: value });
  assert.match(
    faultOf("POSTRIDER_TRUSTED_PROXIES", ""),
    /POSTRIDER_TRUSTED_PROXIES: it is not set, and POSTRIDER_TRUSTED_USER_HEADER is/,
  );
  assert.match(faultOf("POSTRIDER_TRUSTED_GROUPS", ""), /POSTRIDER_TRUSTED_GROUPS: it is not set/);
  assert.match(
    faultOf("POSTRIDER_TRUSTED_GROUPS_HEADER", ""),
    /it names groups, and POSTRIDER_TRUSTED_GROUPS_HEADER is not set/,
  );
  for (const entry of ["0.0.0.0/0", "::/0", "proxy.internal", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8/8"]) {
    assert.match(faultOf("POSTRIDER_TRUSTED_PROXIES", entry), /it has ".*"; list addresses and CIDRs/, entry);
  }
  assert.match(faultOf("POSTRIDER_TRUSTED_GROUPS", "ops=operat"), /"operat" is no scope; did you mean "operate"\?/);
  assert.match(faultOf("POSTRIDER_TRUSTED_GROUPS", "operate"), /write each entry as group=scope\+scope/);
  for (const header of ["Authorization", "cookie", "x user", "Host"]) {
    assert.match(
      faultOf("POSTRIDER_TRUSTED_USER_HEADER", header),
      /use the name of a header that the proxy sets/,
      header,
    );
  }
  const { POSTRIDER_TRUSTED_USER_HEADER: _, ...rest } = TRUSTING;
  assert.equal(faultsOf(rest).length, 3);
});

test("the public URL is a base to which paths are added, and no fault repeats what it has", () => {
  const publicUrl = (text: string) => read({ ...ENV, POSTRIDER_PUBLIC_URL: text }).publicUrl;
  assert.equal(publicUrl("http://10.0.0.1:8427"), "http://10.0.0.1:8427");
  assert.equal(publicUrl("https://Events.Example.com/"), "https://events.example.com");
  for (const [text, found] of [
    ["events.example.com", "it is no http or https URL"],
    ["ftp://events.example.com", "it is no http or https URL"],
    ["https://app:s3cret-word@events.example.com", "it has a user name or a password"],
    ["https://events.example.com/?token=s3cret-word", "it has a query or a fragment"],
    ["https://events.example.com/#s3cret-word", "it has a query or a fragment"],
  ] as const) {
    const fault = oneFault({ ...ENV, POSTRIDER_PUBLIC_URL: text });
    assert.match(fault, new RegExp(`^cannot read POSTRIDER_PUBLIC_URL: ${found}; use a URL such as https:`));
    assert.doesNotMatch(fault, /s3cret/);
  }
});

test("the empty string is not set", () => {
  const empty = Object.fromEntries(Object.values(SETTINGS).map(({ name }) => [name, ""]));
  assert.deepEqual(read({ ...empty, ...ENV, POSTRIDER_EGRES: "", DATABASE_URL_FILE: "" }), read(ENV));
});

test("everything that is wrong is reported at once", () => {
  const faults = faultsOf({
    DATABASE_URL: "mysql://app:s3cret-word@db/app",
    POSTRIDER_MAX_IN_FLIGHT: "0",
    POSTRIDER_POLL_INTERVAL: "5",
    POSTRIDER_EGRESS: "public",
    POSTRIDER_EGRES: "custom",
    POSTRIDER_LOG_LEVEL: "verbose",
  });
  assert.deepEqual(faults, [
    "cannot read DATABASE_URL: it does not start with postgres:// or postgresql://; write postgres://user:password@host:port/database",
    'cannot read POSTRIDER_MAX_IN_FLIGHT: it is "0"; use a whole number from 1 to 10000',
    'cannot read POSTRIDER_POLL_INTERVAL: it is "5"; add the unit: 5s for seconds, 5ms for milliseconds',
    'cannot read POSTRIDER_EGRESS: it is "public"; did you mean "public-only"? It is one of public-only, private-ok, custom',
    'cannot read POSTRIDER_LOG_LEVEL: it is "verbose"; use one of trace, debug, info, warn, error, fatal, silent',
    "cannot read the environment: POSTRIDER_EGRES is not a setting; did you mean POSTRIDER_EGRESS?",
  ]);
});

test("an unknown name without a near miss is refused too", () => {
  assert.match(oneFault({ ...ENV, POSTRIDER_COLOUR: "x" }), /POSTRIDER_COLOUR is not a setting; unset it/);
});

test("a command that needs a database says so, and accepts the PG* variables", () => {
  assert.match(oneFault({}), /which database postrider run should use: neither DATABASE_URL nor PGHOST/);
  assert.match(oneFault({ PGPASSWORD: "s3cret-word" }), /set DATABASE_URL=/);
  assert.match(oneFault({ PGSERVICE: "app" }), /PGSERVICE is set, but service files are not read/);
  for (const [name, url] of Object.entries({
    PGHOST: "postgres://?host=7",
    PGPORT: "postgres://?port=7",
    PGDATABASE: "postgres://?dbname=7",
    PGUSER: "postgres://?user=7",
  })) {
    assert.equal(read({ [name]: "7", PGSERVICEFILE: "/x" }).databaseUrl, url);
  }
  assert.equal(read({}, DEV).databaseUrl, null);
});

test("a connection URL may name a socket, leave out the host or carry odd but encoded passwords", () => {
  for (const url of [
    "postgres://db",
    "postgres:///app?host=/var/run/postgresql",
    "postgres://app:pw@/app?host=/var/run/postgresql",
    "postgresql://app:p%40ss%2Fw%23rd@[::1]:5432/app?sslmode=verify-full",
    "postgres://%2Fvar%2Frun%2Fpostgresql/app",
  ]) {
    assert.equal(read({ DATABASE_URL: url }).databaseUrl, url);
  }
});

test("a wrong connection URL is refused without repeating any of it", () => {
  for (const url of [
    "s3cret-word",
    "http://app:s3cret-word@db/app",
    "postgres://app:s3cret-word#x@db/app",
    "postgres://app:s3cret-word@db:99999/app",
    "postgres://app:s3cret-word@db/app\nx",
    "postgres://app:s3cret-word@a,b:5432:5433/app",
  ]) {
    for (const name of ["DATABASE_URL", "POSTRIDER_LISTEN_URL"]) {
      const fault = oneFault({ ...ENV, [name]: url });
      assert.match(fault, new RegExp(`^cannot read ${name}: it `));
      assert.doesNotMatch(fault, /s3cret|app:/);
    }
  }
});

test("every secret is also read from the file that NAME_FILE names, less one newline at its end", () => {
  assert.equal(read({ DATABASE_URL_FILE: fileHolding(`${URL_TEXT}\n`) }).databaseUrl, URL_TEXT);
  assert.equal(read({ DATABASE_URL_FILE: fileHolding(`${URL_TEXT}\r\n`) }).databaseUrl, URL_TEXT);
  assert.equal(read({ ...ENV, POSTRIDER_LISTEN_URL_FILE: fileHolding(URL_TEXT) }).listenUrl, URL_TEXT);
  assert.match(oneFault({ DATABASE_URL_FILE: fileHolding(`${URL_TEXT}\n\n`) }), /line break/);
});

test("a secret given twice is refused", () => {
  const fault = oneFault({ ...ENV, DATABASE_URL_FILE: fileHolding(URL_TEXT) });
  assert.match(fault, /both DATABASE_URL and DATABASE_URL_FILE are set; set only one of them/);
});

test("a secret's file that cannot be read is refused with the reason, and its path is not repeated", () => {
  assert.match(oneFault({ DATABASE_URL_FILE: join(directory, "absent") }), /DATABASE_URL_FILE: .*no such file/);
  assert.match(oneFault({ DATABASE_URL_FILE: directory }), /directory/);
  assert.match(oneFault({ DATABASE_URL_FILE: "x\0y" }), /path is malformed/);
  assert.match(oneFault({ DATABASE_URL_FILE: fileHolding("\n") }), /the file is empty/);
  assert.doesNotMatch(oneFault({ DATABASE_URL_FILE: URL_TEXT }), /s3cret/);
});

test("a wrong secret in a file is refused without repeating any of it", () => {
  const fault = oneFault({ DATABASE_URL_FILE: fileHolding("mysql://app:s3cret-word@db/app") });
  assert.match(fault, /^cannot read DATABASE_URL: it does not start/);
  assert.doesNotMatch(fault, /s3cret/);
});

test("a setting that is not secret is not read from a file", () => {
  const fault = oneFault({ ...ENV, POSTRIDER_LOG_LEVEL_FILE: "/etc/level" });
  assert.match(fault, /only secrets are read from files: set POSTRIDER_LOG_LEVEL itself/);
});

test("the source of CloudEvents is a URI reference", () => {
  for (const source of ["https://shop.example.com/orders", "/orders", "urn:shop:orders"]) {
    assert.equal(read({ ...ENV, POSTRIDER_SOURCE: source }).source, source);
  }
  for (const source of ["my shop", "zoë", "https://shop.example.com/%", "a\nb", "x".repeat(1_025)]) {
    assert.match(
      oneFault({ ...ENV, POSTRIDER_SOURCE: source }),
      /^cannot read POSTRIDER_SOURCE: it is ".+"; use a URI such as https:\/\/shop\.example\.com\/orders, or a part/,
    );
  }
});

test("egress lists need the profile that reads them", () => {
  const found = "POSTRIDER_EGRESS is public-only, which takes no list";
  assert.match(oneFault({ ...ENV, POSTRIDER_EGRESS_ALLOW: "10.0.0.0/8" }), new RegExp(`_ALLOW: ${found}`));
  assert.match(oneFault({ ...ENV, POSTRIDER_EGRESS_DENY: "10.0.0.0/8" }), new RegExp(`_DENY: ${found}`));
  assert.match(
    oneFault({ ...ENV, POSTRIDER_EGRESS: "custm", POSTRIDER_EGRESS_DENY: "10.0.0.0/8" }),
    /did you mean "custom"/,
  );
});

test("entries of the egress lists are judged by the egress policy, and named with their setting", () => {
  const lists = {
    POSTRIDER_EGRESS_ALLOW: "10.0.0.0/33,a b",
    POSTRIDER_EGRESS_DENY: "10.1.2",
    POSTRIDER_EGRESS_PORTS: "81, 8080",
    POSTRIDER_EGRESS_NAT64: "64:ff9b::/95, 10.0.0.0/8",
  };
  const remedy = "use a CIDR (10.0.0.0/8), an address, a host name, or *.example.com";
  assert.deepEqual(faultsOf({ ...ENV, POSTRIDER_EGRESS: "custom", ...lists }), [
    'cannot read POSTRIDER_EGRESS_ALLOW: it has "10.0.0.0/33"; give a prefix length from 0 to 32',
    `cannot read POSTRIDER_EGRESS_ALLOW: it has "a b"; ${remedy}`,
    `cannot read POSTRIDER_EGRESS_DENY: it has "10.1.2"; ${remedy}`,
    'cannot read POSTRIDER_EGRESS_PORTS: it has "8080"; list whole numbers from 1 to 1023; higher ports are always allowed',
    'cannot read POSTRIDER_EGRESS_NAT64: it has "64:ff9b::/95"; list IPv6 prefixes of length 96: 64:ff9b::/96',
    'cannot read POSTRIDER_EGRESS_NAT64: it has "10.0.0.0/8"; list IPv6 prefixes of length 96: 64:ff9b::/96',
  ]);
});

test("a proxy that cannot be one is a fault that repeats nothing of it", () => {
  for (const proxy of ["socks5://shop:s3cret-word@proxy:1080", "proxy:3128", "http://shop:s3cret-word@proxy/x"]) {
    const fault = oneFault({ ...ENV, POSTRIDER_EGRESS_PROXY: proxy });
    assert.match(fault, /^cannot read POSTRIDER_EGRESS_PROXY: it is not the URL of an HTTP proxy; /);
    assert.doesNotMatch(fault, /s3cret|shop/);
  }
  const path = fileHolding("http://shop:s3cret-word@proxy.internal:3128\n");
  assert.equal(read({ ...ENV, POSTRIDER_EGRESS_PROXY_FILE: path }).egressProxy?.origin.port, 3128);
});

test("a file of CA certificates is read at the start, and every mistake in it is a fault", () => {
  const [one = "", two = ""] = rootCertificates;
  const among = `subject=Private CA\n${one}\n\n${two}`;
  assert.deepEqual(read({ ...ENV, POSTRIDER_CA_FILE: fileHolding(among) }).caCertificates, [one, two]);
  for (const [text, found] of [
    ["", /has no certificate/],
    ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", /has no certificate/],
    [`${one}\n${two.slice(0, 400)}`, /has a certificate that does not end/],
    [
      `${one}\n${two.replace(/[A-Za-z0-9+/=]{40}/, "A".repeat(40))}`,
      /has a certificate, number 2, that cannot be read/,
    ],
  ] as const) {
    const fault = oneFault({ ...ENV, POSTRIDER_CA_FILE: fileHolding(text) });
    assert.match(fault, /^cannot read POSTRIDER_CA_FILE: the file "/);
    assert.match(fault, found);
  }
  assert.match(
    oneFault({ ...ENV, POSTRIDER_CA_FILE: "/nowhere/ca.pem" }),
    /"\/nowhere\/ca.pem" cannot be read \(no such/,
  );
});

test("settings that this version does not use are accepted with a warning", () => {
  const config = read({
    ...ENV,
    OTEL_EXPORTER_OTLP_CLIENT_KEY: "/key.pem",
  });
  assert.deepEqual(config.warnings, ["OTEL_EXPORTER_OTLP_CLIENT_KEY is set, but this version does not use it yet"]);
});

test("encryption keys are separated by commas, blanks and lines, the first one first, and a mistake does not repeat them", () => {
  const [one, two] = [Buffer.alloc(32, 1).toString("base64"), Buffer.alloc(32, 2).toString("base64")];
  const idsOf = (text: string) => read({ ...ENV, POSTRIDER_ENCRYPTION_KEYS: text }).encryptionKeys.map(({ id }) => id);
  const ids = idsOf(`${one},${two}`);
  assert.equal(ids.length, 2);
  for (const text of [`${one} ${two}`, `${one}\n${two}\n`, ` ${one} ,\r\n ${two},`]) {
    assert.deepEqual(idsOf(text), ids);
  }
  assert.deepEqual(idsOf(`${two},${one}`), ids.toReversed());
  assert.deepEqual(faultsOf({ ...ENV, POSTRIDER_ENCRYPTION_KEYS: `${one},s3cret,${one}` }), [
    "cannot read POSTRIDER_ENCRYPTION_KEYS: entry 2 of it is not 32 bytes in base64; make each key with: openssl rand -base64 32",
    "cannot read POSTRIDER_ENCRYPTION_KEYS: entry 3 of it repeats another one; leave it out",
  ]);
  for (const text of [" ", "\n\n", ",\n"]) {
    assert.match(oneFault({ ...ENV, POSTRIDER_ENCRYPTION_KEYS: text }), /it has no key; make each key with/);
  }
});

test("a near miss of such a setting is refused with the setting", () => {
  assert.match(oneFault({ ...ENV, POSTRIDER_ENCRYPTION_KEY: "k" }), /did you mean POSTRIDER_ENCRYPTION_KEYS\?/);
});

test("variables of the tests are silently ignored", () => {
  assert.deepEqual(read({ ...ENV, POSTRIDER_TEST_POSTGRES: "x" }), read(ENV));
});

test("variables that Kubernetes makes for a Service called postrider are ignored", () => {
  const made = {
    POSTRIDER_SERVICE_HOST: "10.0.0.1",
    POSTRIDER_SERVICE_PORT: "8427",
    POSTRIDER_SERVICE_PORT_METRICS: "8427",
    POSTRIDER_PORT: "tcp://10.0.0.1:8427",
    POSTRIDER_PORT_8427_TCP: "tcp://10.0.0.1:8427",
    POSTRIDER_PORT_8427_TCP_PROTO: "tcp",
    POSTRIDER_PORT_8427_TCP_PORT: "8427",
    POSTRIDER_PORT_8427_TCP_ADDR: "10.0.0.1",
    POSTRIDER_HTTP_SERVICE_HOST: "10.0.0.1",
  };
  assert.deepEqual(read({ ...ENV, ...made }), read(ENV));
  assert.match(oneFault({ ...ENV, POSTRIDER_PORT: "8427" }), /POSTRIDER_PORT is not a setting/);
});

test("durations are read with their units", () => {
  const durations = {
    "500ms": 500,
    "1s": 1_000,
    "1.5 h": 5_400_000,
    "5 min": 300_000,
    "2h": 7_200_000,
    "1d": 86_400_000,
  };
  for (const [text, expected] of Object.entries(durations)) {
    assert.equal(parseDurationMs(text), expected, text);
  }
  for (const text of ["", "5", "s", "-1s", "1 hour", "1s ", "1  s", "1e3s", "1h30min", "1234567890s", "5M"]) {
    assert.equal(parseDurationMs(text), null, text);
  }
});

test("a duration in milliseconds is read as that many", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 999_999_999 }), (count) => {
      assert.equal(parseDurationMs(`${count}ms`), count);
      assert.equal(parseDurationMs(`${count}s`), count * 1_000);
    }),
  );
});

test("a duration outside its bounds, or in minutes that might be months, is refused with the remedy", () => {
  assert.match(oneFault({ ...ENV, POSTRIDER_POLL_INTERVAL: "49ms" }), /it is "49ms"; use 50ms to 1h$/);
  assert.match(oneFault({ ...ENV, POSTRIDER_POLL_INTERVAL: "2h" }), /use 50ms to 1h$/);
  assert.match(oneFault({ ...ENV, POSTRIDER_SHUTDOWN_GRACE: "5m" }), /write 5min for minutes$/);
});

test("a number is whole and within its bounds", () => {
  for (const value of ["0", "10001", "-1", "1.5", "1e2", "0x10", " 5", "many"]) {
    assert.match(oneFault({ ...ENV, POSTRIDER_MAX_IN_FLIGHT: value }), /use a whole number from 1 to 10000$/);
  }
});

test("the number of processes may be that of the available cores", () => {
  assert.equal(read({ ...ENV, POSTRIDER_PROCESSES: "auto" }).processes, availableParallelism());
  assert.match(oneFault({ ...ENV, POSTRIDER_PROCESSES: "all" }), /use a whole number from 1 to 256, or auto$/);
  assert.match(oneFault({ ...ENV, POSTRIDER_MAX_IN_FLIGHT: "auto" }), /use a whole number from 1 to 10000$/);
});

test("a long wrong value is cut short and control characters are escaped", () => {
  const fault = oneFault({ ...ENV, POSTRIDER_LOG_LEVEL: `\u001b[31m${"x".repeat(10_000)}` });
  assert.ok(fault.length < 300);
  assert.ok(!fault.includes("\u001b"));
});

test("the documented table has one row per setting", () => {
  const lines = settingsTable().split("\n");
  assert.equal(lines.length, 2 + Object.keys(SETTINGS).length);
  assert.ok(lines.every((line) => line.startsWith("|") && line.endsWith("|") && line.split("|").length === 6));
  assert.match(lines[2] ?? "", /^\| `DATABASE_URL`, `DATABASE_URL_FILE` \| connection URL, secret \| {2}\|/);
  assert.match(lines.join("\n"), /\| `POSTRIDER_POLL_INTERVAL` \| duration, `50ms` to `1h` \| `1s` \|/);
});

test("every name in the table is well-formed and unique", () => {
  const names = Object.values(SETTINGS).map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.every((name) => name === "DATABASE_URL" || /^POSTRIDER_[A-Z][A-Z0-9_]+$/.test(name)));
});
