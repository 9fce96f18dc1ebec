import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { ConnectionOptions } from "node:tls";
import { readConnectionUrl, UnreadableUrl, withVariables } from "../../src/db/libpq.ts";

test("a URL is read as libpq reads it", () => {
  for (const [url, expected] of Object.entries({
    "postgres://anna:hush@db.test:5433/shop": {
      host: "db.test",
      port: 5433,
      user: "anna",
      password: "hush",
      database: "shop",
    },
    "postgresql://anna@db.test/shop": {
      host: "db.test",
      port: 5432,
      user: "anna",
      password: undefined,
      database: "shop",
    },
    "postgres://anna@[::1]:5433/": { host: "::1", port: 5433, database: "anna" },
    "postgres://anna:a%40b%3A@db.test/sh%20op": { password: "a@b:", database: "sh op" },
    // No form: a plus is a plus.
    "postgres://db.test/shop?user=anna&password=a+b": { user: "anna", password: "a+b" },
    "postgres://anna@db.test?dbname=shop&port=6000": { database: "shop", port: 6000 },
    "postgres:///shop?host=/run/pg&user=anna": { host: "/run/pg", database: "shop" },
    "postgres://anna@%2Frun%2Fpg/shop": { host: "/run/pg", user: "anna", database: "shop" },
    "postgres://db.test/": { user: userInfo().username, database: userInfo().username },
    "postgres://db.test/shop?options=-c%20work_mem%3D4MB": { options: "-c work_mem=4MB" },
    "postgres://db.test/shop?application_name=shop": { application_name: "shop" },
    "postgres://db.test/shop?fallback_application_name=shop": { application_name: "shop" },
    "postgres://db.test/shop": {
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    },
    "postgres://db.test/shop?connect_timeout=1": { connectionTimeoutMillis: 2_000 },
    "postgres://db.test/shop?connect_timeout=30": { connectionTimeoutMillis: 30_000 },
    "postgres://db.test/shop?connect_timeout=0": { connectionTimeoutMillis: 0 },
    "postgres://db.test/shop?keepalives=0": { keepAlive: false },
    "postgres://db.test/shop?keepalives_idle=60": { keepAliveInitialDelayMillis: 60_000 },
    "postgres://db.test/shop?target_session_attrs=read-write&client_encoding=UTF8": { database: "shop" },
    "postgres://db.test/shop?sslmode=require&sslnegotiation=direct": { sslnegotiation: "direct" },
  })) {
    const config: Record<string, unknown> = { ...readConnectionUrl(url) };
    assert.deepEqual(Object.fromEntries(Object.keys(expected).map((name) => [name, config[name]])), expected, url);
  }
});

test("what cannot be as libpq has it is refused by its name, and no secret is repeated", () => {
  for (const [query, expected] of Object.entries({
    "sslmode=no-verify": /sslmode.*use disable, allow, prefer, require/,
    "sslmode=verify": /sslmode/,
    "target_session_attrs=standby": /target_session_attrs.*read-write or primary/,
    "service=shop": /service.*service files/,
    "passfile=/x": /passfile.*PGPASSFILE/,
    "hostaddr=10.0.0.1": /hostaddr/,
    "host=a,b": /host names several hosts.*always leads to the primary/,
    "require_auth=none": /require_auth/,
    "channel_binding=require": /channel_binding.*leave it out; sslmode=verify-full/,
    "gssencmode=require": /gssencmode/,
    "keepalives_count=3": /keepalives_count/,
    "tcp_user_timeout=3": /tcp_user_timeout/,
    "sslcrl=/x": /sslcrl/,
    "replication=database": /replication/,
    "client_encoding=LATIN1": /client_encoding/,
    "load_balance_hosts=random": /load_balance_hosts/,
    "connect_timeout=soon": /connect_timeout/,
    "sslnegotiation=direct": /sslnegotiation=direct is given with a weaker sslmode/,
    "sslrootcert=system&sslmode=require": /sslrootcert=system/,
    "sslrootcert=/no/such/file": /sslrootcert cannot be read \(ENOENT\)/,
    "aplication_name=x": /did you mean application_name\?/,
    "x=hush": /unknown/,
    "constructor=x": /unknown/,
    "hush=%zz": /% in a parameter/,
    "user=%zz": /percent-encoding/,
  })) {
    assert.match(
      refusalOf(() => readConnectionUrl(`postgres://anna:hush@db.test/shop?${query}`)),
      expected,
      query,
    );
  }
  for (const [url, expected] of Object.entries({
    "postgres://anna:hush@one.test,two.test/shop": /several hosts/,
    "postgres://anna:hush@one.test:1,two.test:2/shop": /several hosts/,
    "mysql://anna:hush@db.test/shop": /does not start with/,
    "postgres://anna:hush@db.test:port/shop": /not a well-formed URL/,
    "postgres://anna:no@hush@db.test/shop": /an @ or a \/ in user or password.*%40/,
    "postgres://anna:no@1/hush@db.test/shop": /an @ or a \/ in user or password.*%40/,
    "postgres://anna:1/hush@db.test/shop": /an @ or a \/ in user or password.*%40/,
  })) {
    assert.match(
      refusalOf(() => readConnectionUrl(url)),
      expected,
      url,
    );
  }
});

test("each sslmode tries what libpq tries, in its order", (t) => {
  const ca = file(t, "authority");
  const waysOf = (query: string) => readConnectionUrl(`postgres://db.test/shop?${query}`).tls.ways.map(shown);
  assert.deepEqual(waysOf(""), ["unverified", "none"]);
  assert.deepEqual(waysOf("sslmode=disable"), ["none"]);
  assert.deepEqual(waysOf("sslmode=allow"), ["none", "unverified"]);
  assert.deepEqual(waysOf("sslmode=prefer"), ["unverified", "none"]);
  assert.deepEqual(waysOf("sslmode=require"), ["unverified"]);
  assert.deepEqual(waysOf("ssl=true"), ["unverified"]);
  assert.deepEqual(waysOf(`sslmode=require&sslrootcert=${ca}`), ["by authority: authority"]);
  assert.deepEqual(waysOf(`sslmode=verify-ca&sslrootcert=${ca}`), ["by authority: authority"]);
  assert.deepEqual(waysOf(`sslmode=verify-full&sslrootcert=${ca}`), ["by name: authority"]);
  assert.deepEqual(waysOf("sslrootcert=system"), ["by name: system"]);
  assert.deepEqual(waysOf("sslmode=verify-full&host=/run/pg"), ["none"]);
});

test("variables give what the URL leaves out", () => {
  const env = {
    PGHOST: "db.test",
    PGPORT: "6000",
    PGUSER: "anna",
    PGDATABASE: "a b",
    PGSSLMODE: "disable",
    PGAPPNAME: "",
  };
  assert.equal(
    withVariables("postgres://", env),
    "postgres://?host=db.test&port=6000&dbname=a%20b&user=anna&sslmode=disable",
  );
  assert.equal(
    withVariables("postgres://bob@other.test/shop?sslmode=require", env),
    "postgres://bob@other.test/shop?sslmode=require&port=6000",
  );
  assert.equal(
    withVariables("postgres://bob@other.test:1/shop", { PGSSLMODE: "allow" }),
    "postgres://bob@other.test:1/shop?sslmode=allow",
  );
  for (const variable of ["PGSERVICE", "PGHOSTADDR", "PGREQUIREAUTH", "PGSSLCRL"]) {
    assert.match(
      refusalOf(() => withVariables("postgres://db.test/shop", { [variable]: "x" })),
      new RegExp(`${variable} is set`),
    );
  }
  assert.match(
    refusalOf(() => withVariables("postgres://db.test/shop", { PGSSLMODE: "no" })),
    /PGSSLMODE has a value/,
  );
  assert.match(
    refusalOf(() => withVariables("postgres://", { PGHOST: "a,b" })),
    /PGHOST names several hosts/,
  );
});

function refusalOf(read: () => unknown): string {
  try {
    read();
  } catch (thrown) {
    assert.ok(thrown instanceof UnreadableUrl, String(thrown));
    const text = `${thrown.found}; ${thrown.remedy}`;
    assert.doesNotMatch(text, /hush/);
    return text;
  }
  return "it was read";
}

function shown(way: false | ConnectionOptions): string {
  if (way === false) {
    return "none";
  }
  if (way.rejectUnauthorized === false) {
    return "unverified";
  }
  return `by ${way.checkServerIdentity === undefined ? "name" : "authority"}: ${way.ca ?? "system"}`;
}

function file(t: TestContext, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), "postrider-libpq-"));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "file"), text);
  return join(directory, "file");
}
