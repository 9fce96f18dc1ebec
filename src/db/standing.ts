import { defineStatement, type Queryable, type RowOf } from "./statements.ts";

/** What a check asks a database for, one statement each. They need the schema. */

const findLackingPrivileges = defineStatement("find_lacking_privileges", { params: {}, columns: { lacking: "text" } });
const findPartitionDays = defineStatement("find_partition_days", { params: {}, columns: { days_ahead: "integer" } });
const findClock = defineStatement("find_clock", { params: {}, columns: { unix_ms: "double precision" } });
const findStanding = defineStatement("find_standing", {
  params: {},
  columns: {
    is_on: "boolean?",
    reason: "text?",
    changed_by: "text?",
    is_guarded: "boolean?",
    copy_problem: "text?",
  },
});

/** What a daemon may do by its role and this connection's role may not, in words. */
export async function lackingPrivileges(client: Queryable): Promise<readonly string[]> {
  return (await client.run(findLackingPrivileges, {})).rows.map(({ lacking }) => lacking);
}

/** How many days after today have their partitions. */
export async function partitionDaysAhead(client: Queryable): Promise<number> {
  return (await client.run(findPartitionDays, {})).rows[0]?.days_ahead ?? 0;
}

/** The server's clock, in milliseconds since 1970. */
export async function serverUnixMs(client: Queryable): Promise<number> {
  return (await client.run(findClock, {})).rows[0]?.unix_ms ?? Number.NaN;
}

const findMissingRows = defineStatement("find_missing_rows", {
  params: {},
  columns: { found: "text", remedy: "text" },
});

/** The rows that daemons cannot work without and that are gone, with what to do about each. */
export async function missingRows(
  client: Queryable,
): Promise<readonly { readonly found: string; readonly remedy: string }[]> {
  return (await client.run(findMissingRows, {})).rows;
}

/** Whether daemons may send from this database. */
export interface Standing {
  readonly isOn: boolean;
  readonly reason: string | null;
  readonly changedBy: string;
  readonly isGuarded: boolean;
  /** Null if daemons may work here. */
  readonly copyProblem: string | null;
}

export async function standingOf(client: Queryable): Promise<Standing> {
  const [row] = (await client.run(findStanding, {})).rows;
  return {
    isOn: row?.is_on ?? false,
    reason: row?.reason ?? null,
    changedBy: row?.changed_by ?? "",
    isGuarded: row?.is_guarded ?? true,
    copyProblem: row?.copy_problem ?? null,
  };
}

const countInlineLimits = defineStatement("count_inline_limits", { params: {}, columns: { endpoints: "integer" } });

/** Endpoints whose receivers fetch large payloads. */
export async function endpointsWithInlineLimit(client: Queryable): Promise<number> {
  return (await client.run(countInlineLimits, {})).rows[0]?.endpoints ?? 0;
}

const countPullEndpoints = defineStatement("count_pull_endpoints", {
  params: {},
  columns: { endpoints: "integer", without_token: "integer", such_as: "uuid?" },
});

/** Endpoints from which receivers fetch. */
export interface PullEndpoints {
  readonly count: number;
  /** From these nothing can be fetched. */
  readonly withoutToken: number;
  /** One of these. */
  readonly suchAs: string | null;
}

export async function pullEndpoints(client: Queryable): Promise<PullEndpoints> {
  const [row] = (await client.run(countPullEndpoints, {})).rows;
  return { count: row?.endpoints ?? 0, withoutToken: row?.without_token ?? 0, suchAs: row?.such_as ?? null };
}

const findClientCertificates = defineStatement("find_client_certificates", {
  params: { after: "uuid?", certificatesMax: "integer" },
  columns: { id: "uuid", name: "text?", certificate: "text?" },
});
type StoredCertificate = RowOf<typeof findClientCertificates.shape>;

/** Of certificates with their chains, 64 KiB each at most. */
const CERTIFICATES_PAGE_MAX = 100;

/** The certificates that endpoints show to their receivers, in PEM. */
export async function* clientCertificates(client: Queryable): AsyncGenerator<StoredCertificate> {
  let after: string | null = null;
  do {
    const page = { after, certificatesMax: CERTIFICATES_PAGE_MAX };
    const rows: readonly StoredCertificate[] = (await client.run(findClientCertificates, page)).rows;
    yield* rows;
    after = rows.length < CERTIFICATES_PAGE_MAX ? null : (rows.at(-1)?.id ?? null);
  } while (after !== null);
}
