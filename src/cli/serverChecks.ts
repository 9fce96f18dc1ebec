import type { Config } from "../config/read.ts";
import { CONNECTIONS_MAX } from "../console/consoleDatabase.ts";
import { connectionConfig } from "../db/connect.ts";
import { hasLentSessions } from "../db/pooler.ts";
import {
  connectionLimits,
  heldWal,
  partitionSizes,
  sequenceCache,
  serverSettings,
  unvacuumedTables,
} from "../db/serverState.ts";
import { counted } from "../ground/counted.ts";
import { messageOf } from "../ground/errors.ts";
import { type Check, type Checked, type Finding, warningOf } from "./finding.ts";

/** What the server is like, apart from the schema. Nothing here stops delivery today, so nothing is a fault. */
export const SERVER_CHECKS: readonly Check[] = [
  { name: "pooler", needs: [], look: lookAtPooler },
  { name: "connections", needs: ["pooler"], look: lookAtConnections },
  { name: "durability", needs: [], look: lookAtDurability },
  { name: "wal", needs: [], look: lookAtWal },
  { name: "vacuum", needs: ["schema"], look: lookAtVacuum },
  { name: "sequence", needs: ["schema"], look: lookAtSequence },
  { name: "disk", needs: ["schema", "privileges", "rows"], look: lookAtDisk },
];

const DIRECT = "set POSTRIDER_LISTEN_URL to a direct connection";

async function lookAtPooler({ config }: Checked): Promise<Finding> {
  if (config.listenUrl !== null) {
    return lookAtListenUrl(config, config.listenUrl);
  }
  const main = connectionConfig({ databaseUrl: config.databaseUrl, applicationName: "postrider" });
  return (await hasLentSessions(main))
    ? {
        state: "warning",
        found: "DATABASE_URL leads through a transaction pooler, so inserts wake no daemon, and it polls",
        remedy: DIRECT,
      }
    : { state: "ok", found: "sessions are kept, so inserts wake daemons" };
}

/** A daemon that cannot listen polls, so it is no fault. */
async function lookAtListenUrl(config: Config, listenUrl: string): Promise<Finding> {
  try {
    const listening = connectionConfig({ databaseUrl: listenUrl, applicationName: "postrider" });
    return (await hasLentSessions(listening))
      ? { state: "warning", found: "POSTRIDER_LISTEN_URL leads through a transaction pooler, too", remedy: DIRECT }
      : { state: "ok", found: "POSTRIDER_LISTEN_URL is a direct connection, so inserts wake daemons" };
  } catch (thrown) {
    const found = `POSTRIDER_LISTEN_URL cannot be used, so daemons poll each ${config.pollIntervalMs} ms: ${messageOf(thrown)}`;
    return { state: "warning", found, remedy: DIRECT };
  }
}

/** src/config/README.md says what for. */
const DAEMON_CONNECTIONS_MAX = 8;
const DAEMON_CONNECTIONS_MIN = 3;
const LISTENER_CONNECTIONS_MAX = 2;

async function lookAtConnections({ client, config }: Checked): Promise<Finding> {
  const { processes, httpListen, apiDatabaseUrl, apiListen, portalListen } = config;
  const ofDaemons = processes * DAEMON_CONNECTIONS_MAX + (httpListen === null ? 0 : LISTENER_CONNECTIONS_MAX);
  const consoles = apiDatabaseUrl === null ? [] : [apiListen, portalListen].filter((address) => address !== null);
  const ofAll = ofDaemons + consoles.length * CONNECTIONS_MAX;
  const limits = await connectionLimits(client);
  const problems = limits.flatMap(({ whose, allowed, open }) => {
    if (allowed === null) return [];
    const remedy = `raise the limit of ${whose}, or run fewer daemons`;
    // The API and the portal log in by another role.
    const wanted = whose.startsWith("the role ") ? ofDaemons : ofAll;
    if (allowed < wanted) {
      return [
        { found: `${whose} allows ${counted(allowed, "connection")}, and these settings use up to ${wanted}`, remedy },
      ];
    }
    return allowed - open < DAEMON_CONNECTIONS_MIN
      ? [
          {
            found: `${open} of the ${counted(allowed, "connection")} that ${whose} allows are open, so another daemon would poll`,
            remedy,
          },
        ]
      : [];
  });
  return warningOf(problems, `these settings use up to ${counted(ofAll, "connection")}, and there is room`);
}

/** What each setting should not be, and what follows if it is. */
const DURABILITY = [
  {
    name: "fsync",
    value: "off",
    found: "fsync is off: a crash of the server can lose the whole database",
    remedy: "set fsync = on",
  },
  {
    name: "full_page_writes",
    value: "off",
    found: "full_page_writes is off: a crash of the server can leave torn pages",
    remedy: "set full_page_writes = on, unless the file system never tears pages",
  },
  {
    name: "synchronous_commit",
    value: "off",
    found:
      "synchronous_commit is off: a crash of the server loses what was committed in its last moments, events included",
    remedy: "set synchronous_commit = on for the roles whose events must not be lost",
  },
  {
    name: "data_checksums",
    value: "off",
    found: "data checksums are off: a page that the disk has damaged is not noticed",
    remedy: "run pg_checksums --enable while the server is stopped",
  },
] as const;

async function lookAtDurability({ client }: Checked): Promise<Finding> {
  const setting = await serverSettings(client);
  const problems = DURABILITY.filter(({ name, value }) => setting(name) === value);
  return warningOf(problems, "what is committed survives a crash of the server");
}

/** An active slot may lag for a while. */
const ACTIVE_SLOT_BYTES_MAX = 4 * 1024 ** 3;

async function lookAtWal({ client }: Checked): Promise<Finding> {
  const setting = await serverSettings(client);
  const held = (await heldWal(client)).filter(
    ({ is_active, held_bytes }) => !is_active || held_bytes > ACTIVE_SLOT_BYTES_MAX,
  );
  const limit = setting("max_slot_wal_keep_size") === "-1" ? ", and nothing limits it" : "";
  const problems = held.map(({ slot, is_active, held_bytes }) => ({
    found: `the replication slot ${slot}, ${is_active ? "which lags" : "which is inactive"}, keeps ${sizeOf(held_bytes)} of WAL on the disk${limit}`,
    remedy: is_active
      ? "look at what reads it"
      : `if nothing needs it any more: select pg_drop_replication_slot('${slot}')`,
  }));
  return warningOf(problems, "no replication slot holds back WAL");
}

async function lookAtVacuum({ client }: Checked): Promise<Finding> {
  const setting = await serverSettings(client);
  const unvacuumed = await unvacuumedTables(client);
  const off = ["autovacuum", "track_counts"].filter((name) => setting(name) === "off");
  const problems = off.map((name) => ({
    found: `${name} is off: rows of retries and endpoints that were changed stay, and statements get slower`,
    remedy: `set ${name} = on`,
  }));
  const [one] = unvacuumed;
  if (one !== undefined) {
    problems.push({
      found: `autovacuum is switched off for ${counted(unvacuumed.length, "table")}, such as ${one}`,
      remedy: `alter table ${one} reset (autovacuum_enabled)`,
    });
  }
  return warningOf(problems, "autovacuum is on");
}

async function lookAtSequence({ client }: Checked): Promise<Finding> {
  const numbers = await sequenceCache(client);
  return numbers === 1
    ? { state: "ok", found: "events are numbered one by one" }
    : {
        state: "warning",
        found: `the sequence postrider.outbox_seq_seq has a cache of ${numbers}: ordered endpoints may get the events of a key in another order`,
        remedy: "alter sequence postrider.outbox_seq_seq cache 1",
      };
}

/** Days are removed by steps, and a replay or an open transaction may hold one for a while. */
const DAYS_LATE_MAX = 2;

async function lookAtDisk({ client }: Checked): Promise<Finding> {
  const { bytes, day_bytes, oldest_day, removed_before, days, stray } = await partitionSizes(client);
  const kept = Math.round(days);
  const [one] = stray;
  const lateDays = oldest_day === null ? 0 : (timeOfDay(removed_before) - timeOfDay(oldest_day)) / 86_400_000;
  const problems = [
    ...(one === undefined
      ? []
      : [
          {
            found: `events lie in default partitions, such as postrider.${one}`,
            remedy: "select postrider.maintain() until it returns nothing",
          },
        ]),
    ...(lateDays <= DAYS_LATE_MAX
      ? []
      : [
          {
            found: `${oldest_day} is still there, although events are kept for ${counted(kept, "day")}`,
            remedy: "sql/recipes/what_holds_back_retention.sql says what keeps it",
          },
        ]),
  ];
  const expected = day_bytes === 0 ? "" : `; ${counted(kept, "day")} like the largest take ${sizeOf(day_bytes * kept)}`;
  return warningOf(problems, `events with their deliveries and attempts take ${sizeOf(bytes)}${expected}`);
}

function timeOfDay(day: string): number {
  return Date.parse(day.replace(/^(\d{4})(\d\d)(\d\d)$/, "$1-$2-$3"));
}

/** `0.4 GB`, `12 MB`. */
function sizeOf(bytes: number): string {
  const mb = bytes / 1e6;
  return mb < 1_000 ? `${Math.round(mb)} MB` : `${(mb / 1_000).toFixed(1)} GB`;
}
