import { type Fault, PostriderError } from "../ground/errors.ts";
import { type EgressPolicy, type EgressProblem, parseEgressPolicy } from "../http/egress/policy.ts";
import type { EgressProxy } from "../http/egress/proxy.ts";
import type { SealingKey } from "../secrets/sealing.ts";
import type { TrustedUsers } from "../serve/trustedUsers.ts";
import type { TraceSettings } from "../telemetry/traces/traces.ts";
import { type Environment, given, reservedNames, unknownNames } from "./environment.ts";
import { type ChosenAddress, readBaseUrl, readListen } from "./listen.ts";
import { cannotRead, quoted, type Reading } from "./reading.ts";
import { fileName, type LogLevel, SETTINGS } from "./settings.ts";
import { readTraces } from "./traces.ts";
import { readTrustedUsers } from "./trustedUsers.ts";
import {
  readCertificates,
  readChoice,
  readDurationMs,
  readInteger,
  readKeys,
  readList,
  readOptionalDurationMs,
  readOrigins,
  readProxy,
  readUriReference,
  readUrl,
  withPgVariables,
} from "./values.ts";

export interface Config {
  /** With what the PG* variables add to it. Null: none is named. */
  readonly databaseUrl: string | null;
  /** The file that it was read from. Its password may be replaced. */
  readonly databaseUrlFile: string | null;
  /** Null: the same as `databaseUrl`. */
  readonly listenUrl: string | null;
  readonly listenUrlFile: string | null;
  /** Null: if sessions are the daemon's own, and not lent by a pooler. */
  readonly preparedStatements: boolean | null;
  readonly processes: number;
  readonly maxInFlight: number;
  readonly pollIntervalMs: number;
  readonly shutdownGraceMs: number;
  /** Null: not set. */
  readonly retentionMs: number | null;
  readonly egress: EgressPolicy;
  /** Null: receivers are dialled directly. */
  readonly egressProxy: EgressProxy | null;
  /** PEM; trusted in addition to those that Node.js trusts. */
  readonly caCertificates: readonly string[];
  /** The `source` of CloudEvents. */
  readonly source: string;
  /** The first one seals, all of them open. */
  readonly encryptionKeys: readonly SealingKey[];
  /** Where the listener listens; null: nowhere. */
  readonly httpListen: ChosenAddress | null;
  /** How receivers reach the listener, without a slash at its end; null: not set. */
  readonly publicUrl: string | null;
  /** How the API logs in; null: there is none. */
  readonly apiDatabaseUrl: string | null;
  readonly apiDatabaseUrlFile: string | null;
  /** Where the API listens; null: nowhere. */
  readonly apiListen: ChosenAddress | null;
  /** Names under which it may be asked. */
  readonly apiHosts: readonly string[];
  /** Whom a proxy may name to the API; null if none is trusted. */
  readonly trustedUsers: TrustedUsers | null;
  /** Where the portal listens; null: nowhere. */
  readonly portalListen: ChosenAddress | null;
  /** Names under which it may be asked. */
  readonly portalHosts: readonly string[];
  /** Sites that may embed it. */
  readonly portalOrigins: readonly string[];
  /** Of how many endpoints metrics tell one by one. */
  readonly metricsEndpoints: number;
  readonly logLevel: LogLevel;
  /** Null: nothing is traced. */
  readonly traces: TraceSettings | null;
  /** Sentences about settings that have no effect, to be logged as `settings.warned`. */
  readonly warnings: readonly string[];
}

/** The command that is about to run, as far as its settings are concerned. */
export interface CommandNeeds {
  readonly name: string;
  readonly database: "required" | "optional";
  /** Whether it traces what it sends. */
  readonly traces?: boolean;
}

/**
 * Reads every setting. A variable that is the empty string is not set.
 *
 * Throws PostriderError (PR0002, exit status 2) with one fault for each thing that is wrong, so that a person can fix
 * them all before the next start. No fault contains the value of a secret or the path of its file.
 */
export function readConfig(env: Environment, command: CommandNeeds): Config {
  const reading: Reading = { env, faults: [] };
  const caCertificates = readCertificates(reading, SETTINGS.caFile);
  const config = {
    databaseUrl: readDatabaseUrl(reading, command),
    databaseUrlFile: given(env, fileName(SETTINGS.databaseUrl.name)),
    listenUrl: readUrl(reading, SETTINGS.listenUrl),
    listenUrlFile: given(env, fileName(SETTINGS.listenUrl.name)),
    preparedStatements: PREPARED[readChoice(reading, SETTINGS.preparedStatements) ?? "auto"],
    processes: readInteger(reading, SETTINGS.processes),
    maxInFlight: readInteger(reading, SETTINGS.maxInFlight),
    pollIntervalMs: readDurationMs(reading, SETTINGS.pollInterval),
    shutdownGraceMs: readDurationMs(reading, SETTINGS.shutdownGrace),
    retentionMs: readOptionalDurationMs(reading, SETTINGS.retention),
    egress: readEgress(reading),
    egressProxy: readProxy(reading, SETTINGS.egressProxy),
    caCertificates,
    source: readUriReference(reading, SETTINGS.source),
    encryptionKeys: readKeys(reading, SETTINGS.encryptionKeys),
    httpListen: readListen(reading, SETTINGS.httpListen),
    publicUrl: readBaseUrl(reading, SETTINGS.publicUrl),
    apiDatabaseUrl: readUrl(reading, SETTINGS.apiDatabaseUrl),
    apiDatabaseUrlFile: given(env, fileName(SETTINGS.apiDatabaseUrl.name)),
    apiListen: readListen(reading, SETTINGS.apiListen),
    apiHosts: readList(reading, SETTINGS.apiHosts),
    trustedUsers: readTrustedUsers(reading),
    portalListen: readListen(reading, SETTINGS.portalListen),
    portalHosts: readList(reading, SETTINGS.portalHosts),
    portalOrigins: readOrigins(reading, SETTINGS.portalOrigins),
    metricsEndpoints: readInteger(reading, SETTINGS.metricsEndpoints),
    logLevel: readChoice(reading, SETTINGS.logLevel) ?? SETTINGS.logLevel.default,
    traces: command.traces === true ? readTraces(reading, caCertificates) : null,
    warnings: reservedNames(env).map((name) => `${name} is set, but this version does not use it yet`),
  };
  const { egress } = config;
  reading.faults.push(...databaseFaults(env, command), ...unknownNames(env).map(notASetting));
  if (egress === null || reading.faults.length > 0) {
    throw new PostriderError(reading.faults, 2);
  }
  return { ...config, egress };
}

/** The PG* variables alone name a database only for a command that needs one. */
function readDatabaseUrl(reading: Reading, command: CommandNeeds): string | null {
  const { env, faults } = reading;
  const { name } = SETTINGS.databaseUrl;
  if ([name, fileName(name)].some((variable) => given(env, variable) !== null)) {
    return readUrl(reading, SETTINGS.databaseUrl);
  }
  const isNamed = PG_VARIABLES.some((variable) => given(env, variable) !== null);
  return command.database === "required" && isNamed ? withPgVariables({ env, faults }, "postgres://") : null;
}

const PREPARED = { auto: null, on: true, off: false } as const;

/** Null if a list is wrong. With a wrong profile, the entries of the lists are judged as they are for `custom`. */
function readEgress(reading: Reading): EgressPolicy | null {
  const profile = readChoice(reading, SETTINGS.egress) ?? "custom";
  const allow = readList(reading, SETTINGS.egressAllow);
  const deny = readList(reading, SETTINGS.egressDeny);
  const lowPorts = readList(reading, SETTINGS.egressPorts);
  const nat64 = readList(reading, SETTINGS.egressNat64);
  const parsed = parseEgressPolicy({ profile, allow, deny, lowPorts, nat64 });
  if (parsed.kind === "problems") {
    reading.faults.push(...parsed.problems.map((problem) => egressFault(problem, profile)));
    return null;
  }
  return parsed.policy;
}

const EGRESS_LISTS: Readonly<Record<EgressProblem["list"], { readonly name: string }>> = {
  allow: SETTINGS.egressAllow,
  deny: SETTINGS.egressDeny,
  lowPorts: SETTINGS.egressPorts,
  nat64: SETTINGS.egressNat64,
};

function egressFault(problem: EgressProblem, profile: string): Fault {
  const { name } = EGRESS_LISTS[problem.list];
  const { name: profileName } = SETTINGS.egress;
  return problem.kind === "unused"
    ? cannotRead(
        name,
        `${profileName} is ${profile}, which takes no list`,
        `set ${profileName}=custom, or unset ${name}`,
      )
    : cannotRead(name, `it has ${quoted(problem.entry)}`, problem.remedy);
}

/** The variables from which the driver can tell which server is meant. It does not read PGSERVICE. */
const PG_VARIABLES = ["PGHOST", "PGPORT", "PGDATABASE", "PGUSER"] as const;

function databaseFaults(env: Environment, command: CommandNeeds): readonly Fault[] {
  const { name } = SETTINGS.databaseUrl;
  const isNamed = [name, fileName(name), ...PG_VARIABLES].some((variable) => given(env, variable) !== null);
  if (command.database === "optional" || isNamed) {
    return [];
  }
  const service = given(env, "PGSERVICE") === null ? "" : " (PGSERVICE is set, but service files are not read)";
  return [
    {
      code: "PR0002",
      problem: `cannot tell which database postrider ${command.name} should use`,
      found: `neither ${name} nor ${PG_VARIABLES.join(", ")} is set${service}`,
      remedy: `set ${name}=postgres://user:password@host:port/database`,
    },
  ];
}

function notASetting({ name, remedy }: { readonly name: string; readonly remedy: string }): Fault {
  return { code: "PR0002", problem: "cannot read the environment", found: `${name} is not a setting`, remedy };
}
