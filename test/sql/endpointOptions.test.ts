/** An endpoint option must be cheap to add: what there is of one, and where it may be written. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { FAILURE_KINDS } from "../../src/domain/failureKind.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, rowsOf } from "../support/engine.ts";

const database = useDatabase();

/** Columns that say which endpoint it is, or that triggers keep. */
const NO_OPTIONS = [
  ...["id", "tenant", "url", "shown_url", "state", "state_reason"],
  ...[
    "transforms",
    "has_transformed",
    "handshake_state",
    "receiver_rate",
    "effective_rate",
    "is_limited",
    "circuit_opened_at",
  ],
  ...["state_changed_at", "paused_at", "pause_reason", "revision", "created_at", "updated_at"],
];

/** A place is a table file's statement, a domain with its comment, or another file. */
const PLACES_MAX = 6;

/** It leases as other endpoints are leased for. */
const LEASE_PROBE = "sql/functions/circuits/lease_probe.sql";

/** Where the API shows and changes each option by its name; test/console/routes.test.ts compares it with the schema. */
const IN_API = ["endpoints", "changes"].map((name) => `src/console/routes/${name}.ts`);

/** Where a customer's page shows the options that say what a customer gets. */
const IN_PORTAL = ["sql/functions/portal/portal_endpoint.sql", "src/console/portal/routes/endpoints.ts"];

/** What the dashboard offers for options of a few values; test/console/routes.test.ts compares it with the schema. */
const IN_DASHBOARD = "src/console/ui/choices.ts";

/** The API shows the request that an event is sent as, and makes it as a daemon does: from the options that shape it. */
const IN_PREVIEW = ["src/console/routes/events.ts", "src/console/requests.ts", "src/daemon/preview.ts"];

/** Where an option is used beyond that, and for what. */
const FURTHER_USES: Readonly<Record<string, readonly string[]>> = {
  // A lease lasts as long as the request may take.
  timeout_ms: ["sql/functions/claim/claim_deliveries.sql"],
  // It decides which secrets there are, and whether deliveries wait for one of them.
  signing: [
    ...["create_endpoint", "rotate_secret", "endpoint_signing_changed"].map(
      (name) => `sql/functions/endpoints/${name}.sql`,
    ),
    ...["claim_deliveries", "find_rules"].map((name) => `sql/functions/claim/${name}.sql`),
    "sql/functions/deliveries/delivery_status.sql",
    // The difference says where the receiver's part of a new secret or key is.
    ...["apply_endpoint", "signing_note"].map((name) => `sql/functions/apply/${name}.sql`),
    // "When it stops signing."
    "sql/schema/02_endpoints.sql",
    "sql/statements/check_endpoints.sql",
    // A page waits for a key, as a delivery does, and is made with the same.
    ...["endpoints/endpoint_pulling", "pull/fetch_events"].map((name) => `sql/functions/${name}.sql`),
    "sql/statements/find_pull_endpoint.sql",
    "src/listen/pull.ts",
    // A customer sees the secrets and keys that sign, and how to verify what they signed.
    "sql/functions/portal/portal_secret.sql",
    "src/console/portal/ui/rows.ts",
    // Keys are opened first, since an endpoint whose keys cannot be read is paused.
    "src/daemon/deliver/endpoints.ts",
    "src/db/signing.ts",
    // There it is what a secret does until it expires.
    "sql/schema/02_endpoints.sql",
  ],
  // Claims leave batches to the queue, walks put them together, people see what waits for one.
  batch_size: [
    LEASE_PROBE,
    ...["claim_deliveries", "find_rules", "lease_batches", "lease_deliveries", "lock_new_batches", "lock_requests"].map(
      claimFile,
    ),
    "sql/functions/deliveries/delivery_status.sql",
    "sql/functions/endpoints/endpoint_batching.sql",
  ],
  batch_delay_ms: [
    LEASE_PROBE,
    ...["claim_deliveries", "batch_due", "lease_batches", "lease_deliveries", "lock_new_batches", "lock_requests"].map(
      claimFile,
    ),
    "sql/functions/deliveries/delivery_status.sql",
    "sql/functions/explain/explain_event.sql",
  ],
  // Such endpoints get nothing from memory, and what they may be sent is decided when it is leased.
  max_in_flight: [
    claimFile("present_allowance"),
    "sql/functions/deliveries/reached_limit.sql",
    // The setting of a daemon, under its own name.
    "src/daemon/daemon.ts",
    "src/telemetry/events.ts",
  ],
  rate_limit: [claimFile("rate_burst"), "sql/functions/deliveries/reached_limit.sql"],
  rate_burst: [...["present_allowance", "rate_burst"].map(claimFile), "sql/functions/endpoints/endpoint_limiting.sql"],
  // It is the kind of a secret, and what errors name.
  client_certificate: [
    ...["is_client_certificate", "endpoint_credentials", "endpoint_authorization", "read_options"].map(
      (name) => `sql/functions/endpoints/${name}.sql`,
    ),
    ...["holds_credential", "without_credential"].map((name) => `sql/functions/endpoints/${name}.sql`),
    // Until when it is valid.
    "sql/functions/endpoints/endpoint_health.sql",
    "sql/functions/audit/endpoint_audit.sql",
    "sql/functions/apply/apply_endpoint.sql",
    ...["find_client_certificates", "load_endpoints"].map((name) => `sql/statements/${name}.sql`),
    "src/cli/checks.ts",
    "src/daemon/deliver/endpoints.ts",
    "src/daemon/deliver/credentials.ts",
  ],
  // It decides about a delivery that is exhausted.
  when_exhausted: ["sql/functions/deliveries/halted_key.sql"],
  // Its errors name it, and only endpoints that have one wait for it while they are loaded.
  encryption_key: [
    "sql/functions/endpoints/is_public_jwk.sql",
    // What is fetched is not encrypted.
    "sql/functions/endpoints/endpoint_inlining.sql",
    "src/daemon/deliver/endpoints.ts",
    // Pages are encrypted as deliveries are.
    "sql/functions/endpoints/endpoint_pulling.sql",
    "sql/statements/find_pull_endpoint.sql",
    "src/listen/pull.ts",
  ],
  // Reasons and errors name them.
  retry_on: ["sql/functions/endpoints/endpoint_retry_policy.sql", "src/domain/retryPolicy.ts"],
  give_up_on: ["sql/functions/endpoints/endpoint_retry_policy.sql", "src/domain/retryPolicy.ts"],
  // Whether a payload is fetched is decided by the daemon, and people see it.
  inline_limit: [
    "sql/functions/endpoints/endpoint_inlining.sql",
    ...["is_thin", "delivery_status"].map((name) => `sql/functions/deliveries/${name}.sql`),
    "sql/functions/explain/explain_size.sql",
    "src/telemetry/events.ts",
    // `postrider check` looks for the URL that they need.
    "sql/statements/count_inline_limits.sql",
    "src/cli/checks.ts",
  ],
  // An event's description names it.
  disable_after: ["src/telemetry/events.ts"],
};

/** Words that are written for other things, too. */
const EVERYDAY_WORDS = ["format", "headers", "name", "description", "payload", "auth", "handshake", "ordered", "kind"];

test("the options are the columns of endpoint that say how to send", async () => {
  assert.deepEqual(
    await rowsOf(
      database.pool,
      `select attname as name from pg_attribute
       where attrelid = 'postrider.endpoint'::regclass and attnum > 0 and not attisdropped and attname <> all ($1)
       order by attname collate "C"`,
      [NO_OPTIONS],
    ),
    await rowsOf(database.pool, 'select name from postrider_internal.endpoint_options() order by name collate "C"'),
  );
});

test("an option is written in six places at most", async () => {
  const options = await rowsOf<{ name: string }>(
    database.pool,
    "select name from postrider_internal.endpoint_options()",
  );
  for (const { name } of options) {
    if (EVERYDAY_WORDS.includes(name)) {
      continue;
    }
    const further = [...IN_API, ...IN_PORTAL, IN_DASHBOARD, ...IN_PREVIEW, ...(FURTHER_USES[name] ?? [])];
    const places = placesOf(name).filter((place) => !further.includes(place));
    assert.ok(places.length >= 4, `${name}: the places were not found`);
    assert.ok(places.length <= PLACES_MAX, `${name} is written in ${places.join(", ")}`);
  }
});

test("the schema knows the failure kinds that the program knows", async () => {
  const check = String(
    await askFor(
      database.pool,
      "select pg_get_constraintdef(oid) from pg_constraint where contypid = 'postrider.failure_kind'::regtype",
    ),
  );
  const known = [...check.matchAll(/'([^']*)'::text/g)].map(([, kind]) => kind);
  assert.deepEqual(known.toSorted(), [...FAILURE_KINDS].toSorted());
  for (const [table, column] of [
    ["attempt", "failure_kind"],
    ["endpoint_failure", "last_failure_kind"],
  ]) {
    assert.equal(
      await askFor(
        database.pool,
        `select atttypid = 'postrider.failure_kind'::regtype from pg_attribute
         where attrelid = ('postrider.' || $1)::regclass and attname = $2`,
        [table, column],
      ),
      true,
    );
  }
});

function placesOf(word: string): readonly string[] {
  const pattern = new RegExp(`\\b(?:endpoint_)?${word}\\b`);
  const sql = ["sql/schema", "sql/upgrades", "sql/functions", "sql/statements"].flatMap((folder) =>
    filesIn(folder, ".sql").flatMap((file) => {
      const text = textOf(file).replace(/--[^\n]*/g, "");
      const statements =
        folder === "sql/schema" || folder === "sql/upgrades" ? text.split(/;\s*\n(?!comment on domain)/) : [text];
      return statements.filter((statement) => pattern.test(statement)).map(() => file);
    }),
  );
  const typescript = filesIn("src", ".ts").filter((file) =>
    pattern.test(textOf(file).replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, "")),
  );
  return [...sql, ...typescript];
}

function filesIn(folder: string, ending: string): readonly string[] {
  return readdirSync(new URL(`../../${folder}/`, import.meta.url), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(ending))
    .map((file) => `${folder}/${file.replaceAll("\\", "/")}`);
}

function textOf(file: string): string {
  return readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
}

function claimFile(name: string): string {
  return `sql/functions/claim/${name}.sql`;
}
