import { availableParallelism } from "node:os";

/** The table of settings. Reading, warnings and the documentation follow it. */
export const SETTINGS = {
  databaseUrl: {
    name: "DATABASE_URL",
    type: "url",
    default: null,
    secret: true,
    sentence:
      "The database, as `postgres://user:password@host:port/database`. The standard `PG*` variables fill in what it leaves out, or replace it. From a file, the password is read again for each connection.",
  },
  listenUrl: {
    name: "POSTRIDER_LISTEN_URL",
    type: "url",
    default: null,
    secret: true,
    sentence: "A direct connection for `LISTEN`, needed if `DATABASE_URL` goes through a transaction pooler.",
  },
  preparedStatements: {
    name: "POSTRIDER_PREPARED_STATEMENTS",
    type: "choice",
    choices: ["auto", "on", "off"],
    default: "auto",
    secret: false,
    sentence:
      "`on` for a transaction pooler that keeps prepared statements, `off` for none. `auto` is `on` without a transaction pooler.",
  },
  processes: {
    name: "POSTRIDER_PROCESSES",
    type: "integer",
    default: 1,
    min: 1,
    max: 256,
    // As the process may use them: affinity and a container's limit count.
    auto: availableParallelism,
    secret: false,
    sentence:
      "How many daemons `postrider run` runs, each in a separate process: `auto` for one per core. Connections, memory and the limits below are those of each daemon.",
  },
  maxInFlight: {
    name: "POSTRIDER_MAX_IN_FLIGHT",
    type: "integer",
    default: 256,
    min: 1,
    max: 10_000,
    secret: false,
    sentence:
      "The most requests that one daemon has open at a time. First ones that an endpoint does not answer come on top: twice as many, 512 at most.",
  },
  pollInterval: {
    name: "POSTRIDER_POLL_INTERVAL",
    type: "duration",
    default: "1s",
    min: "50ms",
    max: "1h",
    secret: false,
    sentence: "How often an idle daemon looks for events that no notification announced.",
  },
  shutdownGrace: {
    name: "POSTRIDER_SHUTDOWN_GRACE",
    type: "duration",
    default: "20s",
    min: "0s",
    max: "15min",
    secret: false,
    sentence: "How long a stopping daemon lets requests in progress finish before it hands their deliveries back.",
  },
  retention: {
    name: "POSTRIDER_RETENTION",
    type: "duration",
    default: null,
    min: "1d",
    max: "3650d",
    secret: false,
    sentence:
      "How long events are kept, with their deliveries and attempts. It is written into the table `postrider.retention` if nothing is set there, and has no effect afterwards. Unset in both: 30 days.",
  },
  egress: {
    name: "POSTRIDER_EGRESS",
    type: "choice",
    choices: ["public-only", "private-ok", "custom"],
    default: "public-only",
    secret: false,
    sentence:
      "Which addresses endpoints may have: public ones, private networks too, or public ones with the exceptions in the next two settings.",
  },
  egressAllow: {
    name: "POSTRIDER_EGRESS_ALLOW",
    type: "list",
    default: "",
    secret: false,
    sentence:
      "With `custom`: CIDRs, addresses and host patterns (`10.1.0.0/16`, `127.0.0.1`, `*.corp.internal`) that are allowed in addition to public addresses.",
  },
  egressDeny: {
    name: "POSTRIDER_EGRESS_DENY",
    type: "list",
    default: "",
    secret: false,
    sentence: "With `custom`: the same, and they are refused, even if another rule allows them.",
  },
  egressPorts: {
    name: "POSTRIDER_EGRESS_PORTS",
    type: "list",
    default: "80,443",
    secret: false,
    sentence: "Ports below 1024 that endpoints may have. Ports from 1024 are always allowed.",
  },
  egressNat64: {
    name: "POSTRIDER_EGRESS_NAT64",
    type: "list",
    default: "",
    secret: false,
    sentence:
      "NAT64 prefixes of the daemon's network, each a /96 such as `64:ff9b::/96`: addresses behind them are judged by the IPv4 address that they embed. Unset, they are judged as they are, and `64:ff9b::/96` is refused.",
  },
  egressProxy: {
    name: "POSTRIDER_EGRESS_PROXY",
    type: "proxy",
    default: null,
    secret: true,
    sentence:
      "An HTTP proxy through which every request to an endpoint goes, by [CONNECT](#egress-proxy): `http://proxy.internal:3128`, or `https://…` if the proxy itself is reached over TLS, with `user:password@` before the host if it asks for them.",
  },
  caFile: {
    name: "POSTRIDER_CA_FILE",
    type: "certificates",
    default: null,
    secret: false,
    sentence:
      "A file of CA certificates in PEM, such as those of a private CA. Receivers and an egress proxy with certificates from them are trusted, in addition to those that [Node.js trusts](#certificates). It is read at the start.",
  },
  source: {
    name: "POSTRIDER_SOURCE",
    type: "uriReference",
    default: "postrider",
    secret: false,
    sentence:
      "The `source` of events in the formats of CloudEvents, such as `https://shop.example.com/orders`. Receivers tell events apart by source and id, so do not change it without them.",
  },
  encryptionKeys: {
    name: "POSTRIDER_ENCRYPTION_KEYS",
    type: "keys",
    default: null,
    secret: true,
    sentence:
      "Keys that [seal the secrets of endpoints](#encryption-keys) in the database, separated by commas, blanks or lines: each 32 random bytes in base64, as `openssl rand -base64 32` prints them. The first one seals, all of them open.",
  },
  httpListen: {
    name: "POSTRIDER_HTTP_LISTEN",
    type: "listen",
    default: "127.0.0.1:8427",
    secret: false,
    sentence:
      "Where [the listener](../listen/README.md) listens, for health checks, metrics and receivers: `host:port`, with an IPv6 address in brackets, or `off`. If the port of the default is taken, the daemon runs without the listener; if that of another address is, it does not start.",
  },
  publicUrl: {
    name: "POSTRIDER_PUBLIC_URL",
    type: "baseUrl",
    default: null,
    secret: false,
    sentence:
      "How receivers reach the listener, such as `https://events.example.com/postrider`: the URL of the proxy in front of it, or its own.",
  },
  apiDatabaseUrl: {
    name: "POSTRIDER_API_DATABASE_URL",
    type: "url",
    default: null,
    secret: true,
    sentence:
      "The database as [the API](../console/README.md) logs in to it: by a role that is not the daemon's. Without it there is no API.",
  },
  apiListen: {
    name: "POSTRIDER_API_LISTEN",
    type: "listen",
    default: "127.0.0.1:8429",
    secret: false,
    sentence:
      "Where [the API](../console/README.md) listens, if `POSTRIDER_API_DATABASE_URL` is set: `host:port`, with an IPv6 address in brackets, or `off`.",
  },
  apiHosts: {
    name: "POSTRIDER_API_HOSTS",
    type: "list",
    default: "",
    secret: false,
    sentence:
      "Names under which the API may be asked, such as `ops.example.com`, besides `localhost` and addresses. It refuses other names, because a stranger's page could point one at it.",
  },
  trustedUserHeader: {
    name: "POSTRIDER_TRUSTED_USER_HEADER",
    type: "header",
    default: null,
    secret: false,
    sentence:
      "The header in which [a proxy that logs people in](../console/README.md#behind-a-proxy) names who asks the API, such as `X-Forwarded-User`. It needs the next settings, too.",
  },
  trustedProxies: {
    name: "POSTRIDER_TRUSTED_PROXIES",
    type: "list",
    default: "",
    secret: false,
    sentence:
      "Addresses and CIDRs from which that proxy connects: `127.0.0.1`, `10.0.3.0/24`. From anywhere else the headers say nothing.",
  },
  trustedGroups: {
    name: "POSTRIDER_TRUSTED_GROUPS",
    type: "list",
    default: "",
    secret: false,
    sentence:
      "What the users in each group may do, `*` for every user: `admins=admin,ops=operate+payload,*=read`. The [scopes](../console/README.md#keys) are those of keys.",
  },
  trustedGroupsHeader: {
    name: "POSTRIDER_TRUSTED_GROUPS_HEADER",
    type: "header",
    default: null,
    secret: false,
    sentence:
      "The header in which the proxy lists the user's groups, separated by commas, such as `X-Forwarded-Groups`.",
  },
  portalListen: {
    name: "POSTRIDER_PORTAL_LISTEN",
    type: "listen",
    default: "off",
    example: "127.0.0.1:8430",
    secret: false,
    sentence:
      "Where [the portal](../console/portal/README.md) listens, in which tenants look after their own endpoints: `host:port`, or `off`. It logs in as `POSTRIDER_API_DATABASE_URL` says.",
  },
  portalHosts: {
    name: "POSTRIDER_PORTAL_HOSTS",
    type: "list",
    default: "",
    secret: false,
    sentence:
      "Names under which the portal may be asked, such as `webhooks.example.com`, besides `localhost` and addresses.",
  },
  portalOrigins: {
    name: "POSTRIDER_PORTAL_ORIGINS",
    type: "list",
    default: "",
    secret: false,
    sentence:
      "Sites that may show the portal in a frame and give it tokens, such as `https://app.example.com`. Unset, it may be in no frame.",
  },
  metricsEndpoints: {
    name: "POSTRIDER_METRICS_ENDPOINTS",
    type: "integer",
    default: 0,
    min: 0,
    max: 1_000,
    secret: false,
    sentence:
      "Of how many endpoints, the busiest ones, [metrics](../telemetry/README.md#metrics) tell one by one. Their names are labels, so each name makes new series.",
  },
  logLevel: {
    name: "POSTRIDER_LOG_LEVEL",
    type: "choice",
    choices: ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
    default: "info",
    secret: false,
    sentence:
      "The lowest level that is logged. `debug` adds one line per successful attempt; `warn` leaves out failed attempts.",
  },
} as const satisfies Readonly<Record<string, Setting>>;

export type LogLevel = (typeof SETTINGS.logLevel.choices)[number];

/** Settings with a meaning that this version does not use yet. */
export const RESERVED = [
  { name: "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", secret: false },
  { name: "OTEL_EXPORTER_OTLP_CLIENT_KEY", secret: false },
] as const;

export interface SettingBase {
  readonly name: string;
  /** Also given as NAME_FILE, and never shown. */
  readonly secret: boolean;
  /** Markdown, for the documentation. */
  readonly sentence: string;
}

export interface UrlSetting extends SettingBase {
  readonly type: "url";
  readonly default: null;
}

export interface ChoiceSetting<Choice extends string = string> extends SettingBase {
  readonly type: "choice";
  readonly choices: readonly Choice[];
  readonly default: Choice;
}

export interface IntegerSetting extends SettingBase {
  readonly type: "integer";
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** What the word `auto` stands for; without it, the word is not a value. */
  readonly auto?: () => number;
}

/** Default and bounds are written as a person writes them, and read by the parser that reads the setting. */
export interface DurationSetting extends SettingBase {
  readonly type: "duration";
  readonly default: string | null;
  readonly min: string;
  readonly max: string;
}

export interface ListSetting extends SettingBase {
  readonly type: "list";
  readonly default: string;
}

export interface UriReferenceSetting extends SettingBase {
  readonly type: "uriReference";
  readonly default: string;
}

export interface KeysSetting extends SettingBase {
  readonly type: "keys";
  readonly default: null;
}

export interface ProxySetting extends SettingBase {
  readonly type: "proxy";
  readonly default: null;
}

/** The path of a file of certificates. */
export interface CertificatesSetting extends SettingBase {
  readonly type: "certificates";
  readonly default: null;
}

/** An address to listen on, or `off`. */
export interface ListenSetting extends SettingBase {
  readonly type: "listen";
  readonly default: string;
  /** What to write, if the default is no address. */
  readonly example?: string;
}

/** The part that the URLs of a server have in common. */
export interface BaseUrlSetting extends SettingBase {
  readonly type: "baseUrl";
  readonly default: null;
}

/** The name of a header. */
export interface HeaderSetting extends SettingBase {
  readonly type: "header";
  readonly default: null;
}

export type Setting =
  | UrlSetting
  | ProxySetting
  | CertificatesSetting
  | KeysSetting
  | ChoiceSetting
  | IntegerSetting
  | DurationSetting
  | ListSetting
  | ListenSetting
  | BaseUrlSetting
  | HeaderSetting
  | UriReferenceSetting;

/** The variable that names the file of a secret. */
export function fileName(name: string): string {
  return `${name}_FILE`;
}
