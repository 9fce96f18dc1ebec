import { readFileSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import type { ConnectionOptions as TlsOptions } from "node:tls";
import type pg from "pg";
import { nearest } from "../ground/nearest.ts";
import { Tls } from "./tls.ts";

/**
 * Connection URLs and PG* variables as libpq reads them. node-postgres ignores what it does not know, reads some of it
 * otherwise, and knows no sslmode that falls back. What cannot be as libpq has it is refused by its name.
 */

/** What is wrong with a URL. Repeats nothing of it but the names of parameters: it holds a password. */
export class UnreadableUrl extends Error {
  readonly found: string;
  readonly remedy: string;

  constructor(found: string, remedy: string) {
    super(found);
    this.name = "UnreadableUrl";
    this.found = found;
    this.remedy = remedy;
  }
}

interface Parameter {
  /** The variable that gives the value if the URL does not. */
  readonly variable?: string;
  /** The values that are accepted; null: any. */
  readonly values?: readonly string[] | RegExp;
  /** It is refused, with what to do instead. */
  readonly instead?: string;
}

const SWITCH = ["0", "1"];
const PROTOCOLS = ["TLSv1.2", "TLSv1.3"];
const NO_GSS = "GSSAPI is not supported; log in with a password or a client certificate";

const PARAMETERS: Readonly<Record<string, Parameter>> = {
  host: { variable: "PGHOST" },
  port: { variable: "PGPORT", values: /^\d{1,5}$/ },
  dbname: { variable: "PGDATABASE" },
  user: { variable: "PGUSER" },
  // The driver reads PGPASSWORD, PGPASSFILE and ~/.pgpass by itself, as libpq does.
  password: {},
  options: { variable: "PGOPTIONS" },
  application_name: { variable: "PGAPPNAME" },
  fallback_application_name: {},
  connect_timeout: { variable: "PGCONNECT_TIMEOUT", values: /^-?\d{1,6}$/ },
  keepalives: { values: SWITCH },
  keepalives_idle: { values: /^\d{1,6}$/ },
  client_encoding: { values: /^(utf-?8|auto)$/i },
  target_session_attrs: {
    variable: "PGTARGETSESSIONATTRS",
    values: ["any", "read-write", "primary"],
  },
  load_balance_hosts: { variable: "PGLOADBALANCEHOSTS", values: ["disable"] },
  sslmode: {
    variable: "PGSSLMODE",
    values: ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
  },
  ssl: { values: ["true"] },
  sslnegotiation: { variable: "PGSSLNEGOTIATION", values: ["postgres", "direct"] },
  sslrootcert: { variable: "PGSSLROOTCERT" },
  sslcert: { variable: "PGSSLCERT" },
  sslkey: { variable: "PGSSLKEY" },
  sslpassword: {},
  sslcompression: { variable: "PGSSLCOMPRESSION", values: SWITCH },
  sslsni: { variable: "PGSSLSNI", values: ["1"] },
  ssl_min_protocol_version: { variable: "PGSSLMINPROTOCOLVERSION", values: PROTOCOLS },
  ssl_max_protocol_version: { variable: "PGSSLMAXPROTOCOLVERSION", values: PROTOCOLS },
  gssencmode: { variable: "PGGSSENCMODE", values: ["disable", "prefer"] },
  channel_binding: { variable: "PGCHANNELBINDING", values: ["disable", "prefer"] },
  service: { variable: "PGSERVICE", instead: "service files are not read; write what it holds into the URL" },
  servicefile: { instead: "service files are not read; write what they hold into the URL" },
  passfile: { instead: "set PGPASSFILE to the file" },
  hostaddr: {
    variable: "PGHOSTADDR",
    instead: "give the address as the host, with sslmode=verify-ca if TLS is verified",
  },
  replication: { instead: "leave it out; no command replicates" },
  keepalives_interval: { instead: "set net.ipv4.tcp_keepalive_intvl, or leave it out" },
  keepalives_count: { instead: "set net.ipv4.tcp_keepalive_probes, or leave it out" },
  tcp_user_timeout: { instead: "leave it out; every statement has a deadline" },
  require_auth: {
    variable: "PGREQUIREAUTH",
    instead: "leave it out; sslmode=verify-full tells the server for certain",
  },
  requirepeer: { variable: "PGREQUIREPEER", instead: "leave it out, and protect the socket's directory" },
  sslcrl: { variable: "PGSSLCRL", instead: "revocation lists are not read" },
  sslcrldir: { variable: "PGSSLCRLDIR", instead: "revocation lists are not read" },
  sslcertmode: { variable: "PGSSLCERTMODE", instead: "leave it out; sslcert and sslkey are sent if they are given" },
  sslkeylogfile: { instead: "leave it out" },
  krbsrvname: { variable: "PGKRBSRVNAME", instead: NO_GSS },
  gsslib: { variable: "PGGSSLIB", instead: NO_GSS },
  gssdelegation: { variable: "PGGSSDELEGATION", instead: NO_GSS },
  requiressl: { variable: "PGREQUIRESSL", instead: "use sslmode=require" },
  min_protocol_version: { variable: "PGMINPROTOCOLVERSION", instead: "leave it out" },
  max_protocol_version: { variable: "PGMAXPROTOCOLVERSION", instead: "leave it out" },
};

const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE_INITIAL_DELAY_MS = 10_000;
const SOCKET_DIRECTORIES = ["/var/run/postgresql", "/tmp"];
const SHAPE = "write postgres://user:password@host:port/database";

type Values = ReadonlyMap<string, string>;

export type LibpqConfig = pg.ClientConfig & { readonly tls: Tls };

/** The configuration of the driver. Throws UnreadableUrl. */
export function readConnectionUrl(url: string): LibpqConfig {
  const values = checked(valuesOf(url), (name) => `the parameter ${name}`);
  const port = Number(values.get("port") ?? 5432);
  const host = values.get("host") ?? defaultHost(port);
  const user = values.get("user") ?? systemUser();
  const password = values.get("password");
  const options = values.get("options");
  return {
    host,
    port,
    user,
    database: values.get("dbname") ?? user,
    ...(password !== undefined && { password }),
    ...(options !== undefined && { options }),
    ...(values.get("sslnegotiation") === "direct" && { sslnegotiation: "direct" }),
    application_name: values.get("application_name") ?? values.get("fallback_application_name"),
    connectionTimeoutMillis: connectTimeoutMs(values.get("connect_timeout")),
    keepAlive: values.get("keepalives") !== "0",
    keepAliveInitialDelayMillis: Number(values.get("keepalives_idle") ?? 0) * 1000 || KEEPALIVE_INITIAL_DELAY_MS,
    tls: host.startsWith("/") ? new Tls([false]) : tlsOf(values),
  };
}

/** The URL with what the PG* variables add to it. Throws UnreadableUrl if they hold what cannot be as libpq has it. */
export function withVariables(url: string, env: Readonly<Record<string, string | undefined>>): string {
  const given = valuesOf(url);
  const added = new Map<string, string>();
  for (const [name, { variable = "" }] of Object.entries(PARAMETERS)) {
    const value = env[variable];
    if (value !== undefined && value !== "" && !given.has(name)) {
      added.set(name, value);
    }
  }
  checked(added, (name) => parameterOf(name)?.variable ?? name);
  const text = [...added].map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
  if (text === "") {
    return url;
  }
  return `${url}${url.includes("?") ? "&" : "?"}${text}`;
}

/** What the URL says, by libpq's names. */
function valuesOf(url: string): Map<string, string> {
  if (/[\r\n\t]/.test(url)) {
    throw new UnreadableUrl("it contains a line break or a tab", SHAPE);
  }
  const parts =
    /^postgres(?:ql)?:\/\/(?:(?<login>[^@/?]*)@)?(?<place>[^/?]*)(?:\/(?<dbname>[^?]*))?(?:\?(?<query>.*))?$/.exec(
      url,
    )?.groups;
  if (parts === undefined) {
    const isOther = !/^postgres(ql)?:\/\//.test(url);
    throw new UnreadableUrl(
      isOther ? "it does not start with postgres:// or postgresql://" : "it is not a well-formed URL",
      SHAPE,
    );
  }
  const { login = "", place = "", dbname = "", query = "" } = parts;
  // Whatever is behind such a character would be taken for the host or the database, and shown as such.
  if (place.includes("@") || dbname.includes("@")) {
    throw new UnreadableUrl(
      "it has an @ or a / in user or password that is not percent-encoded",
      `${SHAPE}, with %40 for an @ and %2F for a /`,
    );
  }
  refuseSeveral(place, "it names several hosts");
  if (!isWellFormed(url)) {
    throw new UnreadableUrl(
      "it is not a well-formed URL",
      `${SHAPE}, with / ? # @ : and % in user and password percent-encoded`,
    );
  }
  const [, host = "", port = ""] = /^(\[.*\]|[^:]*):?(.*)$/.exec(place) ?? [];
  const [, user = "", password = ""] = /^([^:]*):?(.*)$/s.exec(login) ?? [];
  const values = new Map<string, string>();
  for (const [name, text] of Object.entries({ host: host.replace(/^\[(.*)\]$/, "$1"), port, user, password, dbname })) {
    if (text !== "") {
      values.set(name, decoded(text, name));
    }
  }
  for (const pair of query.split("&").filter((text) => text !== "")) {
    const [name = "", ...rest] = pair.split("=");
    const key = decoded(name, "a parameter");
    values.set(key, decoded(rest.join("="), parameterOf(key) === undefined ? "a parameter" : key));
  }
  return values;
}

/** As the driver would read it: a URL may leave the host out. */
function isWellFormed(url: string): boolean {
  return URL.canParse(url) || URL.canParse(url.replace("@/", "@host/"));
}

/** Not as in forms: a plus is a plus. */
function decoded(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UnreadableUrl(`it has a % in ${what} that is not percent-encoding`, `${SHAPE}, with %25 for a %`);
  }
}

function refuseSeveral(hosts: string, found: string): void {
  if (hosts.includes(",")) {
    throw new UnreadableUrl(found, "name one host that always leads to the primary: a DNS name, a proxy or a pooler");
  }
}

function checked(values: Values, shown: (name: string) => string): Values {
  for (const [name, value] of values) {
    const parameter = parameterOf(name);
    if (parameter === undefined) {
      const meant = nearest(name, Object.keys(PARAMETERS));
      const remedy = meant === null ? "leave it out; libpq does not know it either" : `did you mean ${meant}?`;
      throw new UnreadableUrl("it has a parameter that is unknown", remedy);
    }
    if (parameter.instead !== undefined) {
      throw new UnreadableUrl(`${shown(name)} is set, which is not supported`, parameter.instead);
    }
    const { values: accepted } = parameter;
    if (accepted !== undefined && !(accepted instanceof RegExp ? accepted.test(value) : accepted.includes(value))) {
      throw new UnreadableUrl(`${shown(name)} has a value that is not supported`, valuesRemedy(name, accepted));
    }
    if (name === "host") {
      refuseSeveral(value, `${shown(name)} names several hosts`);
    }
  }
  return values;
}

function parameterOf(name: string): Parameter | undefined {
  return Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined;
}

function valuesRemedy(name: string, accepted: readonly string[] | RegExp): string {
  if (name === "target_session_attrs") {
    return "use any, read-write or primary, because a standby takes no writes";
  }
  if (name === "channel_binding") {
    return "leave it out; sslmode=verify-full tells the server for certain";
  }
  return accepted instanceof RegExp ? `write it as libpq reads ${name}` : `use ${accepted.join(", ")}`;
}

/** In seconds; libpq takes 1 for 2, and none or less for no limit. */
function connectTimeoutMs(seconds: string | undefined): number {
  if (seconds === undefined) {
    return CONNECT_TIMEOUT_MS;
  }
  return Number(seconds) <= 0 ? 0 : Math.max(2, Number(seconds)) * 1000;
}

/** The socket where libpq looks for it, or else this machine. */
function defaultHost(port: number): string {
  const directory = SOCKET_DIRECTORIES.find((path) =>
    statSync(`${path}/.s.PGSQL.${port}`, { throwIfNoEntry: false })?.isSocket(),
  );
  return directory ?? "localhost";
}

function systemUser(): string {
  try {
    return userInfo().username;
  } catch {
    throw new UnreadableUrl("it names no user, and the system has no name for the one that runs this", SHAPE);
  }
}

function tlsOf(values: Values): Tls {
  const isSystem = values.get("sslrootcert") === "system";
  const mode = values.get("sslmode") ?? (values.has("ssl") ? "require" : isSystem ? "verify-full" : "prefer");
  if (isSystem && mode !== "verify-full") {
    throw new UnreadableUrl("sslrootcert=system is given with a weaker sslmode", "use sslmode=verify-full");
  }
  if (values.get("sslnegotiation") === "direct" && ["disable", "allow", "prefer"].includes(mode)) {
    throw new UnreadableUrl("sslnegotiation=direct is given with a weaker sslmode", "use sslmode=require or stronger");
  }
  const ca = isSystem ? undefined : fileOf(values, "sslrootcert");
  const common: TlsOptions = {
    ...(ca !== undefined && { ca }),
    ...optional("cert", fileOf(values, "sslcert")),
    ...optional("key", fileOf(values, "sslkey")),
    ...optional("passphrase", values.get("sslpassword")),
    ...optional("minVersion", values.get("ssl_min_protocol_version")),
    ...optional("maxVersion", values.get("ssl_max_protocol_version")),
  };
  const unverified = { ...common, rejectUnauthorized: false };
  const byAuthority = { ...common, checkServerIdentity: () => undefined };
  switch (mode) {
    case "disable":
      return new Tls([false]);
    case "allow":
      return new Tls([false, unverified]);
    case "prefer":
      return new Tls([unverified, false]);
    case "require":
      return new Tls([ca === undefined ? unverified : byAuthority]);
    case "verify-ca":
      return new Tls([byAuthority]);
    default:
      return new Tls([common]);
  }
}

function optional(name: string, value: string | undefined): object {
  return value === undefined ? {} : { [name]: value };
}

function fileOf(values: Values, name: string): string | undefined {
  const path = values.get(name);
  try {
    return path === undefined ? undefined : readFileSync(path, "utf8");
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? ` (${String(thrown.code)})` : "";
    throw new UnreadableUrl(
      `the file of ${name} cannot be read${code}`,
      "give the path of a file that this user may read",
    );
  }
}
