import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Config, readConfig } from "../config/read.ts";
import { connectionConfig } from "../db/connect.ts";
import { classifyPostgresError, detailed } from "../db/pgErrors.ts";
import { explainRefusal } from "../db/roles.ts";
import { counted } from "../ground/counted.ts";
import { type ExitStatus, type Fault, messageOf, PostriderError } from "../ground/errors.ts";
import { printable } from "../ground/printable.ts";
import { aborted, untilStopped } from "../ground/untilStopped.ts";
import { FollowedFile, firstPosition } from "../ingest/follow.ts";
import { ingest, type Totals } from "../ingest/ingest.ts";
import type { Position } from "../ingest/position.ts";
import { GaveUp } from "../ingest/session.ts";
import type { LineSource } from "../ingest/source.ts";
import { IngestStore } from "../ingest/store.ts";
import { StreamSource } from "../ingest/stream.ts";
import type { Events } from "../telemetry/bus.ts";
import { Conditions } from "../telemetry/conditions.ts";
import { defineCommand, flag, type Mistake, type Option, text, wrongUsage } from "./command.ts";
import { loggedEvents } from "./loggedEvents.ts";

/** A container often starts before its database. An ingest that has begun waits for Postgres as long as it takes. */
const POSTGRES_WAIT_MS = 60_000;

/** What the columns of the outbox accept. */
const TEXT_CHARS_MAX = 255;

const NOTHING: Totals = { lines: 0, events: 0, unmatched: 0, refused: 0 };

const EVENT_TYPE: Option<string> = text({
  ...{ placeholder: "T", default: "log.line" },
  sentence: "event type of the events",
  mistake: (value) =>
    /^[A-Za-z0-9_/:-]+(\.[A-Za-z0-9_/:-]+)*$/.test(value) && value.length <= TEXT_CHARS_MAX
      ? null
      : {
          found: `it is ${JSON.stringify(value)}`,
          remedy: "use words of letters, digits, _, -, / and :, with dots between them, such as log.line",
        },
});

export const command = defineCommand({
  summary: "turns log lines into events: NDJSON from standard input or a followed file",
  options: {
    follow: text({
      ...{ placeholder: "FILE", default: null },
      sentence: "follow a file across its rotations, from where the last run stopped; standard input by default",
    }),
    "from-end": flag("with --follow, the first time: begin at the end of the file, not at its beginning"),
    name: text({
      ...{ placeholder: "NAME", default: null, mistake: tooLong },
      sentence: "with --follow: the name under which its position is kept; by default the host and the file's path",
    }),
    rotated: text({
      ...{ placeholder: "PATTERN", default: null },
      sentence: "with --follow: which files are rotated ones, such as 'app.log.*'; by default it can tell",
    }),
    type: EVENT_TYPE,
    tenant: text({
      ...{ placeholder: "T", default: null, mistake: tooLong },
      sentence: "tenant of the events; none by default",
    }),
    // Postgres reads it.
    where: text({
      ...{ placeholder: "JSONPATH", default: null },
      sentence: "only lines that match this SQL/JSON path predicate, such as '$.level >= 50'",
    }),
    json: flag("print the summary at the end as JSON"),
  },
  examples: [
    "app | postrider ingest --type app.log --where '$.level >= 50'",
    "postrider ingest --follow /var/log/nginx/access.json --type nginx.request --where '$.status >= 500'",
  ],
  conflicts: (given) =>
    ["from-end", "name", "rotated"]
      .filter((name) => given.has(name) && !given.has("follow"))
      .map((name) =>
        wrongUsage(`--${name}`, {
          found: "standard input is read, which is no file",
          remedy: "give --follow FILE as well",
        }),
      ),
  run: (options, env) => ingestCommand(options, readConfig(env, { name: "ingest", database: "required" })),
});

function tooLong(value: string): Mistake | null {
  return value.length > TEXT_CHARS_MAX
    ? { found: `it has ${value.length} characters`, remedy: `use at most ${TEXT_CHARS_MAX}` }
    : null;
}

interface IngestOptions {
  /** Path, relative to the working directory; null for standard input. */
  readonly follow: string | null;
  readonly "from-end": boolean;
  /** The name under which the position is kept; null for the host and the path. */
  readonly name: string | null;
  /** A pattern, relative to the directory of the followed file; null to recognise rotated files. */
  readonly rotated: string | null;
  readonly type: string;
  readonly tenant: string | null;
  /** An SQL/JSON path predicate. */
  readonly where: string | null;
  readonly json: boolean;
}

/** What one run works with. */
interface Run {
  readonly options: IngestOptions;
  readonly name: string;
  /** Absolute; null for standard input. */
  readonly path: string | null;
  readonly store: IngestStore;
  readonly events: Events;
  readonly conditions: Conditions;
  readonly stopping: AbortSignal;
}

/**
 * Runs to the end of standard input or, with a followed file, until SIGTERM or SIGINT. The summary goes to stdout, the
 * log to stderr. Rejects if it cannot begin, and if lines that cannot be read again were not stored.
 */
async function ingestCommand(options: IngestOptions, config: Config): Promise<0 | 1> {
  const events = loggedEvents(config, { daemonId: () => null, to: "stderr" });
  const conditions = new Conditions(events);
  const path = options.follow === null ? null : await followable(options.follow);
  const name = options.name ?? (path === null ? `${hostname()}:stdin:${randomUUID()}` : `${hostname()}:${path}`);
  return untilStopped({ signals: ["SIGTERM", "SIGINT"] }, async (stopping) => {
    const store = new IngestStore({
      // The session holds a lock, which a transaction pooler would hand to another client.
      connection: connectionConfig({
        databaseUrl: config.listenUrl ?? config.databaseUrl,
        urlFile: config.listenUrl === null ? config.databaseUrlFile : config.listenUrlFile,
        applicationName: "postrider",
      }),
      preparedStatements: config.listenUrl === null ? (config.preparedStatements ?? undefined) : undefined,
      ...{ name, path, conditions },
      ...{ eventType: options.type, tenant: options.tenant ?? "", where: options.where },
      giveUp: patience(stopping, path === null ? config.shutdownGraceMs : 0),
    });
    try {
      await runIngest({ options, name, path, store, events, conditions, stopping });
    } finally {
      await store.close();
    }
  });
}

/** Aborted this long after the run was asked to stop. */
function patience(stopping: AbortSignal, graceMs: number): AbortSignal {
  const end = new AbortController();
  void aborted(stopping)
    .then(() => pause(graceMs, null, { ref: false }))
    .then(() => end.abort());
  return end.signal;
}

async function runIngest(run: Run): Promise<void> {
  const position = await begin(run);
  if (position === "gave up") return;
  const { events, name, stopping, store, options } = run;
  const source = await sourceFrom(run, position).catch((thrown: unknown) => {
    if (thrown instanceof GaveUp) return null;
    throw fault(thrown, run);
  });
  if (source === null) return;
  let totals = NOTHING;
  try {
    const onStored = (sum: Totals): void => {
      totals = sum;
    };
    totals = await ingest({ source, store, events, stopping, onStored });
  } catch (thrown) {
    if (!(thrown instanceof GaveUp)) throw fault(thrown, run);
    // A followed file loses nothing: the next run begins after what is stored.
    if (run.path === null) throw unstored(totals, thrown);
  } finally {
    await source.close();
  }
  events.emit("ingest.stopped", { name, ...totals });
  process.stdout.write(options.json ? `${JSON.stringify({ name, ...totals })}\n` : summaryOf(totals));
}

async function begin(run: Run): Promise<Position | null | "gave up"> {
  try {
    return await run.store.begin(POSTGRES_WAIT_MS);
  } catch (thrown) {
    if (thrown instanceof GaveUp) return "gave up";
    throw beginFault(thrown, run);
  }
}

async function sourceFrom(run: Run, known: Position | null): Promise<LineSource> {
  const { path, events, conditions, name, store } = run;
  if (path === null) {
    events.emit("ingest.started", { name });
    return new StreamSource(process.stdin);
  }
  const { rotated } = run.options;
  const position = known ?? (await firstPosition(path, rotated, run.options["from-end"] ? "end" : "beginning"));
  if (known === null) {
    // Stored before the first line, so files that are rotated from now on are read, whatever happens to this run.
    await store.store({ lines: [], end: position });
  }
  const { byteOffset, lineNumber } = position;
  events.emit("ingest.started", { name, path, byte_offset: byteOffset, line_number: lineNumber });
  return new FollowedFile({ path, rotated, position, events, conditions });
}

/** The absolute path. Refuses anything but a regular file, because its lines could not be read twice. */
async function followable(file: string): Promise<string> {
  const path = resolve(file);
  const found = await stat(path).catch(() => null);
  if (found !== null && !found.isFile()) {
    throw new PostriderError(
      [
        {
          code: "PR0018",
          problem: `cannot follow ${printable(JSON.stringify(file))}`,
          found: found.isDirectory() ? "it is a directory" : "it is not a regular file",
          remedy: "name a file, or pass the lines on standard input: postrider ingest < FILE",
        },
      ],
      2,
    );
  }
  return path;
}

/** The error for a person, made from the one that Postgres raised when the ingest began. */
function beginFault(thrown: unknown, run: Run): unknown {
  const found = messageOf(thrown);
  switch (thrown instanceof PostriderError ? null : classifyPostgresError(thrown).sqlstate) {
    case "22023": // not a path, or not a predicate
    case "42704": // a variable, which nothing sets
      return mistake(2, thrown, {
        code: "PR0001",
        problem: "cannot use --where",
        found: detailed(thrown),
        remedy: "write a predicate over the line, such as '$.level >= 50'",
      });
    case "23514": // no such event type in the catalogue
      return mistake(2, thrown, {
        code: "PR0001",
        problem: "cannot use --type",
        found,
        remedy: "name a type in the catalogue, or have an operator add it: select postrider.define_event_type(...)",
      });
    case "42710":
      return mistake(1, thrown, {
        code: "PR0016",
        problem: `cannot begin the ingest "${run.name}"`,
        found,
        remedy: "give this ingest another --name",
      });
    case "3F000": // no schema
    case "42883": // no such function in it
      return mistake(1, thrown, {
        code: "PR0004",
        problem: "cannot work with this schema",
        found,
        remedy: 'run "postrider migrate"',
      });
    default:
      return fault(thrown, run);
  }
}

function fault(thrown: unknown, { options }: Run): unknown {
  if (options.follow !== null && isFileError(thrown)) {
    return mistake(1, thrown, {
      code: "PR0018",
      problem: `cannot follow ${printable(JSON.stringify(options.follow))}`,
      found: messageOf(thrown),
      remedy: "give the user that runs this read access to the file and its directory",
    });
  }
  return explainRefusal(thrown, "postrider_publisher");
}

function mistake(exitStatus: ExitStatus, cause: unknown, said: Fault): PostriderError {
  return new PostriderError([said], exitStatus, { cause });
}

function isFileError(thrown: unknown): boolean {
  return thrown instanceof Error && "syscall" in thrown && "path" in thrown;
}

function unstored({ lines }: Totals, thrown: GaveUp): PostriderError {
  return new PostriderError([
    {
      code: "PR0017",
      problem: "cannot store all lines that were read",
      found: `Postgres could not be reached before the grace period ended (${thrown.message}); ${counted(lines, "line")} ${lines === 1 ? "is" : "are"} stored`,
      remedy: "pass the lines that follow them again",
    },
  ]);
}

function summaryOf({ lines, events, unmatched, refused }: Totals): string {
  return `${counted(lines, "line")}: ${counted(events, "event")}, ${unmatched} not matching, ${refused} refused\n`;
}
