import type { DaemonStatus, EndpointStatus, Status } from "../db/status.ts";
import { counted } from "../ground/counted.ts";
import { printable } from "../ground/printable.ts";
import { terminalJson } from "../ground/terminalJson.ts";

const COLUMNS_MAX = 100;
/** Rows of the table; `--json` has more. */
const ENDPOINTS_SHOWN = 40;
const DAEMONS_SHOWN = 20;
const TENANT_CHARS_MAX = 30;
const NAME_CHARS_MAX = 30;
/** postrider.endpoint_health counts no more, over all endpoints. */
const HALTED_KEYS_MAX = 10_000;
/** As many as `postrider check` warns ahead. */
const CERTIFICATE_DAYS = 30;
const DAY_MS = 86_400_000;

/** The status for a person to read, on lines of at most 100 characters. Text from outside is made printable. */
export function statusText(status: Status): string {
  return [
    ...sendingLines(status),
    ...daemonLines(status),
    ...strangerLines(status),
    "",
    ...backlogLines(status),
    "",
    ...endpointLines(status),
    "",
    `schema version ${status.schema_version}, partitions for ${counted(status.partition_days_ahead, "day")} ahead`,
    "",
  ].join("\n");
}

/** The same as JSON, without any character that a terminal acts on. */
export function statusJson(status: Status): string {
  return `${terminalJson(status, 2)}\n`;
}

/** Empty if everything is as usual. */
function sendingLines({ sending, at }: Status): readonly string[] {
  const { is_on, reason, changed_at, changed_by, is_guarded, copy_problem } = sending;
  const since = age(secondsBetween(changed_at, at));
  const lines = [
    ...(copy_problem === null
      ? []
      : ['THIS DATABASE IS A COPY: nothing is delivered until "postrider adopt"', `    ${printable(copy_problem)}`]),
    ...(is_on
      ? []
      : [
          `SENDING IS SWITCHED OFF for ${since}, by ${printable(changed_by)}: nothing is delivered`,
          ...reasonLines(reason),
        ]),
    ...(is_guarded
      ? []
      : ["NOT GUARDED: a copy of this database in another cluster may not be noticed, and would send"]),
  ].map((line) => cut(line, COLUMNS_MAX));
  return lines.length === 0 ? [] : [...lines, ""];
}

function daemonLines({ daemons, at }: Status): readonly string[] {
  const shown = daemons.slice(0, DAEMONS_SHOWN);
  const [head, ...rows] = table(
    ["state", "version", "started", "last seen", "in progress", "waiting", "host"],
    "lllrrrl",
    shown.map((daemon) => [
      daemon.state,
      daemon.version,
      age(secondsBetween(daemon.started_at, at)),
      age(secondsBetween(daemon.beat_at, at)),
      String(daemon.in_flight),
      String(daemon.waiting),
      `${daemon.host} (pid ${daemon.pid})`,
    ]),
  );
  return [
    daemonsHead(daemons),
    ...(head === undefined ? [] : [head]),
    ...rows.flatMap((row, index) => [row, ...troubleLines(shown[index], at)]),
    ...more(daemons.length, DAEMONS_SHOWN, "daemon"),
  ];
}

/** What a session that is no daemon's does to the waking of daemons, and how to find it. */
function strangerLines({ gate_strangers }: Status): readonly string[] {
  return gate_strangers.flatMap(({ pid, role, application_name, effect }) => {
    const name = application_name === null || application_name === "" ? "" : `, ${printable(application_name)}`;
    return [
      `SESSION ${pid} (${printable(role ?? "unknown role")}${name}) HOLDS A LOCK OF THE DAEMONS`,
      effect === "notify"
        ? "    every insert notifies meanwhile, which costs a lock at commit"
        : "    daemons that sleep find events only by polling meanwhile",
      `    to end it: select pg_terminate_backend(${pid})`,
    ].map((line) => cut(line, COLUMNS_MAX));
  });
}

function daemonsHead(daemons: readonly DaemonStatus[]): string {
  const count = (wanted: DaemonStatus["state"]): number => daemons.filter(({ state }) => state === wanted).length;
  const [live, late, lost] = [count("live"), count("late"), count("lost")];
  if (live + late === 0) {
    return 'NO DAEMON IS LIVE: nothing is delivered until "postrider run" runs';
  }
  return [
    counted(live, "live daemon"),
    ...(late > 0 ? [`${late} late`] : []),
    ...(lost > 0 ? [`${lost} lost`] : []),
  ].join(", ");
}

/** What the daemon reported, and what its silence means. */
function troubleLines(daemon: DaemonStatus | undefined, at: string): readonly string[] {
  if (daemon === undefined) {
    return [];
  }
  const { state, condition, condition_since, condition_reason, beat_at } = daemon;
  const told =
    condition === "well" || condition_since === null
      ? []
      : [`${CONDITIONS[condition]} for ${age(secondsBetween(condition_since, at))}: ${condition_reason}`];
  const silence =
    state === "late"
      ? [`silent for ${age(secondsBetween(beat_at, at))}: frozen, gone, cut off, or refused by Postgres`]
      : [];
  return [...silence, ...told].map((line) => cut(`    ${printable(line)}`, COLUMNS_MAX));
}

const CONDITIONS: Readonly<Record<Exclude<DaemonStatus["condition"], "well">, string>> = {
  not_recording: "cannot record, and claims nothing,",
  not_claiming: "cannot claim",
  not_sending: "does not send",
  blind: "hears no notification, and polls,",
};

function backlogLines({ backlog, unmatched }: Status): readonly string[] {
  const { pending, due, pending_is_exact, first_attempts, unclaimed, unclaimed_is_exact, oldest_age_seconds } = backlog;
  const { exhausted, discarded, undelivered_is_exact } = backlog;
  const waiting = `${atLeast(pending, pending_is_exact)} pending (${atLeast(due, pending_is_exact)} due)`;
  const endings = [
    ...(exhausted > 0 ? [`${atLeast(exhausted, undelivered_is_exact)} exhausted`] : []),
    ...(discarded > 0 ? [`${atLeast(discarded, undelivered_is_exact)} discarded`] : []),
  ];
  return [
    `backlog: ${waiting}, ${counted(first_attempts, "first attempt")} in progress, ${counted(atLeast(unclaimed, unclaimed_is_exact), "event")} unclaimed`,
    oldest_age_seconds !== null
      ? `oldest undelivered event: ${age(oldest_age_seconds)} old`
      : endings.length > 0 || unmatched.events > 0
        ? "nothing waits to be delivered"
        : "everything is delivered",
    ...(endings.length > 0
      ? [`ended without success: ${endings.join(", ")}; postrider.replay() sends them again`]
      : []),
    ...unmatchedLines(unmatched),
  ];
}

/** Which events no endpoint got. */
function unmatchedLines({ events, kinds }: Status["unmatched"]): readonly string[] {
  if (events === 0) {
    return [];
  }
  const named = kinds.map(({ tenant, event_type, events: count }) => `${tenantText(tenant)}${event_type} ${count}`);
  const rest = events - kinds.reduce((sum, kind) => sum + kind.events, 0);
  const list = [...named, ...(rest > 0 ? [`others ${rest}`] : [])].join(", ");
  return [cut(printable(`no endpoint got ${counted(events, "event")} of the last hour: ${list}`), COLUMNS_MAX)];
}

function tenantText(tenant: string | null): string {
  return tenant === null || tenant === "" ? "" : `[${cut(tenant, TENANT_CHARS_MAX)}] `;
}

function nameText(name: string | null): string {
  return name === null || name === "" ? "" : `${cut(name, NAME_CHARS_MAX)}  `;
}

function endpointLines({ endpoints, endpoint_count, at }: Status): readonly string[] {
  if (endpoints.length === 0) {
    return ["no endpoints: create one with select * from postrider.create_endpoint('https://…')"];
  }
  const shown = endpoints.slice(0, ENDPOINTS_SHOWN);
  // Left out while empty, so that a line has room for the URL.
  const columns = ENDPOINT_COLUMNS.filter(({ isShown }) => isShown === undefined || shown.some(isShown));
  const [head = "", ...rows] = table(
    columns.map((column) => column.head),
    columns.map(({ align }) => align).join(""),
    shown.map((endpoint) => columns.map(({ cell }) => cell(endpoint))),
  );
  const withReasons = rows.flatMap((row, index) => [
    row,
    ...reasonLines(shown[index]?.state_reason ?? null),
    ...circuitLines(shown[index]?.circuit_opened_at ?? null, at),
    ...consentLines(shown[index]?.handshake_state ?? null),
    ...haltedLines(shown[index], at),
    ...certificateLines(shown[index]?.certificate_expires_at ?? null, at),
    ...tokenLines(shown[index]?.lacks_token ?? false),
  ]);
  return [
    counted(endpoint_count, "endpoint"),
    head,
    ...withReasons,
    ...more(endpoint_count, ENDPOINTS_SHOWN, "endpoint"),
  ];
}

interface EndpointColumn {
  readonly head: string;
  readonly align: "l" | "r";
  readonly cell: (endpoint: EndpointStatus) => string;
  /** The column is there if one of the endpoints is shown in it; always, if this is missing. */
  readonly isShown?: (endpoint: EndpointStatus) => boolean;
}

const ENDPOINT_COLUMNS: readonly EndpointColumn[] = [
  { head: "state", align: "l", cell: ({ state }) => state },
  { head: "pending", align: "r", cell: ({ pending, pending_is_exact }) => atLeast(pending, pending_is_exact) },
  {
    head: "due",
    align: "r",
    cell: ({ due, pending, pending_is_exact }) => atLeast(due, pending_is_exact || due < pending),
  },
  {
    head: "oldest",
    align: "r",
    cell: ({ oldest_age_seconds }) => (oldest_age_seconds === null ? "" : age(oldest_age_seconds)),
  },
  {
    head: "exhausted",
    align: "r",
    cell: ({ exhausted, undelivered_is_exact }) => atLeast(exhausted, undelivered_is_exact),
    isShown: ({ exhausted }) => exhausted > 0,
  },
  {
    head: "discarded",
    align: "r",
    cell: ({ discarded, undelivered_is_exact }) => atLeast(discarded, undelivered_is_exact),
    isShown: ({ discarded }) => discarded > 0,
  },
  {
    head: "attempts/h",
    align: "r",
    cell: ({ recent_attempts, recent_is_exact }) => atLeast(recent_attempts, recent_is_exact),
  },
  {
    head: "failed",
    align: "r",
    cell: ({ recent_failures, recent_is_exact }) => atLeast(recent_failures, recent_is_exact),
  },
  {
    head: "endpoint",
    align: "l",
    cell: ({ tenant, name, url, id }) => `${tenantText(tenant)}${nameText(name)}${url ?? id}`,
  },
];

function reasonLines(reason: string | null): readonly string[] {
  return reason === null || reason === "" ? [] : [cut(`    because: ${printable(reason)}`, COLUMNS_MAX)];
}

function circuitLines(openedAt: string | null, at: string): readonly string[] {
  return openedAt === null
    ? []
    : [
        `    keeps failing: its circuit has been open for ${age(secondsBetween(openedAt, at))}, and only probes are sent`,
      ];
}

function consentLines(state: EndpointStatus["handshake_state"]): readonly string[] {
  return state === null || state === "granted"
    ? []
    : ["    waits for the receiver's consent: postrider.endpoint_handshake says what it answered"];
}

function haltedLines(endpoint: EndpointStatus | undefined, at: string): readonly string[] {
  if (endpoint === undefined || endpoint.halted_since === null) {
    return [];
  }
  const { halted_keys: keys, halted_since: since } = endpoint;
  const waits = age(secondsBetween(since, at));
  return [
    `    halted: ${counted(atLeast(keys, keys < HALTED_KEYS_MAX), "ordering key")}, the first one ${waits} ago, by exhausted events`,
    "    see postrider.halted_key; to end it: postrider.redeliver(event_id, endpoint_id), or skip()",
  ];
}

function certificateLines(expiresAt: string | null, at: string): readonly string[] {
  const daysLeft = expiresAt === null ? Number.POSITIVE_INFINITY : (Date.parse(expiresAt) - Date.parse(at)) / DAY_MS;
  if (daysLeft > CERTIFICATE_DAYS) {
    return [];
  }
  return daysLeft <= 0
    ? ["    its client certificate has expired: receivers refuse it"]
    : [`    its client certificate expires in ${counted(Math.floor(daysLeft), "day")}`];
}

function tokenLines(lacksToken: boolean): readonly string[] {
  return lacksToken
    ? ["    nothing can be fetched from it without a token: postrider.create_pull_token() makes one"]
    : [];
}

function more(count: number, shownMax: number, noun: string): readonly string[] {
  return count > shownMax ? [`  … and ${counted(count - shownMax, `further ${noun}`)}`] : [];
}

/** Columns with heads, each aligned `l`eft or `r`ight; the last one is cut if a line would be too long. Empty without rows. */
function table(head: readonly string[], alignments: string, rows: readonly (readonly string[])[]): readonly string[] {
  if (rows.length === 0) {
    return [];
  }
  const cells = [head, ...rows].map((row) => row.map(printable));
  const widths = head.map((_, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)));
  return cells.map((row) => {
    const padded = row.map((cell, index) => {
      const width = index === row.length - 1 ? 0 : (widths[index] ?? 0);
      return alignments[index] === "r" ? cell.padStart(width) : cell.padEnd(width);
    });
    return cut(`  ${padded.join("  ")}`, COLUMNS_MAX).trimEnd();
  });
}

function cut(text: string, charsMax: number): string {
  return text.length > charsMax ? `${text.slice(0, charsMax - 1)}…` : text;
}

function atLeast(count: number, isExact: boolean): string {
  return isExact ? String(count) : `${count}+`;
}

function secondsBetween(earlier: string, later: string): number {
  return Math.max(0, (Date.parse(later) - Date.parse(earlier)) / 1000);
}

/** In the largest unit of which there are at least two: `90 s`, `12 min`, `36 h`, `5 d`. */
function age(seconds: number): string {
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
