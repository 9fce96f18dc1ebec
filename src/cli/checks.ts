import { connectionConfig, targetOf } from "../db/connect.ts";
import { readEncoding } from "../db/encoding.ts";
import { refuseReplaced } from "../db/migrate.ts";
import { assertSchemaUsable } from "../db/schemaState.ts";
import { storedSecrets } from "../db/secrets.ts";
import { serverSettings } from "../db/serverState.ts";
import {
  clientCertificates,
  endpointsWithInlineLimit,
  lackingPrivileges,
  missingRows,
  partitionDaysAhead,
  pullEndpoints,
  serverUnixMs,
  standingOf,
} from "../db/standing.ts";
import { unixMs } from "../ground/clock.ts";
import { counted } from "../ground/counted.ts";
import { messageOf } from "../ground/errors.ts";
import { expiryOf } from "../http/egress/clientCertificate.ts";
import { Dialer, systemResolver } from "../http/egress/dial.ts";
import { hostAndPort } from "../http/egress/dialFailure.ts";
import { OwnServers } from "../http/egress/own.ts";
import type { EgressPolicy } from "../http/egress/policy.ts";
import type { EgressProxy } from "../http/egress/proxy.ts";
import { isSealed, open } from "../secrets/sealing.ts";
import { lookAtApi } from "./apiCheck.ts";
import type { Check, Checked, Finding } from "./finding.ts";
import { lookAtPortal } from "./portalCheck.ts";
import { SERVER_CHECKS } from "./serverChecks.ts";

/** Once the settings are read and the connection is made, in this order. */
export const CHECKS: readonly Check[] = [
  { name: "encoding", needs: [], look: lookAtEncoding },
  { name: "clock", needs: [], look: lookAtClock },
  { name: "schema", needs: [], look: lookAtSchema },
  { name: "privileges", needs: ["schema"], look: lookAtPrivileges },
  { name: "rows", needs: ["schema"], look: lookAtRows },
  { name: "sending", needs: ["schema", "rows"], look: lookAtSending },
  { name: "secrets", needs: ["schema", "privileges"], look: lookAtSecrets },
  { name: "egress", needs: [], look: lookAtEgress },
  { name: "certificates", needs: ["schema", "privileges"], look: lookAtCertificates },
  { name: "payloads", needs: ["schema", "privileges"], look: lookAtPublicUrl },
  { name: "pull", needs: ["schema", "privileges"], look: lookAtPull },
  { name: "api", needs: ["schema"], look: lookAtApi },
  { name: "portal", needs: ["schema"], look: lookAtPortal },
  { name: "partitions", needs: ["schema"], look: lookAtPartitions },
  ...SERVER_CHECKS,
];

async function lookAtEncoding({ client }: Checked): Promise<Finding> {
  const { name, warning } = await readEncoding(client);
  return warning === null
    ? { state: "ok", found: `the database's encoding is ${name}` }
    : { state: "warning", ...warning };
}

/** Receivers refuse a signature that is five minutes old, or as far ahead. */
const CLOCK_FAULT_MS = 300_000;
const CLOCK_WARNING_MS = 30_000;

async function lookAtClock({ client }: Checked): Promise<Finding> {
  const beforeMs = unixMs();
  const serverMs = await serverUnixMs(client);
  // The server read its clock at some moment in between.
  const apartMs = Math.max(0, beforeMs - serverMs, serverMs - unixMs());
  if (apartMs < CLOCK_WARNING_MS) {
    const zone = (await serverSettings(client))("TimeZone");
    return {
      state: "ok",
      found: `this machine's clock and the server's agree; days begin at midnight UTC, whatever the server's time zone (${zone})`,
    };
  }
  return {
    state: apartMs < CLOCK_FAULT_MS ? "warning" : "fault",
    found: `this machine's clock and the server's are ${Math.round(apartMs / 1000)} s apart`,
    remedy: "let both follow a time server: receivers refuse requests signed at a time that is five minutes off",
  };
}

async function lookAtSchema({ client }: Checked): Promise<Finding> {
  await assertSchemaUsable(client);
  await refuseReplaced(client);
  return { state: "ok", found: "the schema is the one that this program needs" };
}

const LACKING_SHOWN = 3;

async function lookAtPrivileges({ client, config }: Checked): Promise<Finding> {
  const lacking = await lackingPrivileges(client);
  const { user } = targetOf(connectionConfig({ databaseUrl: config.databaseUrl, applicationName: "postrider" }));
  if (lacking.length === 0) {
    return { state: "ok", found: `${user} may do what a daemon does` };
  }
  const shown = lacking.slice(0, LACKING_SHOWN).join(", ");
  const more = lacking.length > LACKING_SHOWN ? `, and ${lacking.length - LACKING_SHOWN} more` : "";
  return {
    state: "fault",
    found: `${user} may not ${shown}${more}`,
    remedy: `let a DBA run "grant postrider_daemon to" that role`,
  };
}

async function lookAtRows({ client }: Checked): Promise<Finding> {
  const missing = await missingRows(client);
  return missing.length === 0
    ? { state: "ok", found: "the rows that daemons cannot work without are there" }
    : {
        state: "fault",
        found: missing.map(({ found }) => found).join("; "),
        remedy: missing.map(({ remedy }) => remedy).join("; "),
      };
}

async function lookAtSending({ client }: Checked): Promise<Finding> {
  const { isOn, reason, changedBy, isGuarded, copyProblem } = await standingOf(client);
  if (copyProblem !== null) {
    return {
      state: "fault",
      found: copyProblem,
      remedy: 'if this database takes the place of the original, run "postrider adopt"',
    };
  }
  if (!isOn) {
    return {
      state: "fault",
      found: `sending is switched off by ${changedBy}: ${reason ?? "no reason was given"}`,
      remedy: "to switch it on: update postrider.sending set is_on = true",
    };
  }
  return isGuarded
    ? { state: "ok", found: "daemons may send from this database" }
    : {
        state: "warning",
        found: "the guard against copies was given up: a copy of this database in another cluster may send, too",
        remedy: "if pg_control_system() may be called: update postrider.sending set is_guarded = true",
      };
}

/** A fault if an endpoint that should get events would be paused. */
async function lookAtSecrets({ client, config: { encryptionKeys } }: Checked): Promise<Finding> {
  const unreadable = new Set<string>();
  let isNeeded = false;
  let unsealed = 0;
  for await (const { endpoint_id, kind, secret, is_in_force, endpoint_state } of storedSecrets(client)) {
    unsealed += isSealed(secret) ? 0 : 1;
    if (open(encryptionKeys, { endpointId: endpoint_id, kind }, secret).kind === "problem") {
      unreadable.add(endpoint_id);
      isNeeded ||= is_in_force && endpoint_state !== "disabled";
    }
  }
  return unreadable.size > 0
    ? unreadableSecrets(unreadable, isNeeded)
    : storedSecretsFinding(encryptionKeys.length > 0, unsealed);
}

function unreadableSecrets(endpointIds: ReadonlySet<string>, isNeeded: boolean): Finding {
  const [one] = endpointIds;
  return {
    state: isNeeded ? "fault" : "warning",
    found: `no key of POSTRIDER_ENCRYPTION_KEYS opens the secrets of ${counted(endpointIds.size, "endpoint")}, such as ${one}`,
    remedy:
      'set POSTRIDER_ENCRYPTION_KEYS to all keys that have sealed, and resume the endpoints that were paused; "postrider reseal --dry-run" names each secret',
  };
}

function storedSecretsFinding(hasKeys: boolean, unsealed: number): Finding {
  if (!hasKeys) {
    return {
      state: "warning",
      found: `POSTRIDER_ENCRYPTION_KEYS is not set: ${counted(unsealed, "secret")} of endpoints can be read in the database and its dumps`,
      remedy: "set it to a key made with: openssl rand -base64 32",
    };
  }
  return unsealed === 0
    ? { state: "ok", found: "the secrets of endpoints are sealed" }
    : {
        state: "warning",
        found: `${counted(unsealed, "secret")} of endpoints can still be read in the database`,
        remedy: 'run a daemon, or "postrider reseal"',
      };
}

const PROXY_TIMEOUT_MS = 5_000;

/** A proxy that is out of reach stops every delivery. Whether it permits a receiver, only an attempt can tell. */
async function lookAtEgress({ config: { egress, egressProxy, caCertificates } }: Checked): Promise<Finding> {
  const trusted = caCertificates.length === 0 ? "" : `; ${counted(caCertificates.length, "CA certificate")} of yours`;
  const profile = `POSTRIDER_EGRESS is ${egress.profile}${trusted}`;
  if (egressProxy === null) {
    return { state: "ok", found: profile };
  }
  try {
    await proxyDialer(egress, egressProxy, caCertificates).tryProxy();
    return { state: "ok", found: `${profile}; the egress proxy ${hostAndPort(egressProxy.origin)} is in reach` };
  } catch (thrown) {
    return {
      state: "fault",
      found: messageOf(thrown),
      remedy: "look whether the proxy runs there, and at POSTRIDER_EGRESS_PROXY",
    };
  }
}

function proxyDialer(policy: EgressPolicy, proxy: EgressProxy, trustedCertificates: readonly string[]): Dialer {
  return new Dialer({
    policy,
    own: new OwnServers([]),
    proxy,
    connectTimeoutMs: PROXY_TIMEOUT_MS,
    responseHeaderBytesMax: 0,
    resolve: systemResolver,
    trustedCertificates,
  });
}

const EXPIRY_WARNING_MS = 30 * 86_400_000;

/** A fault if a certificate has expired: receivers refuse it. */
async function lookAtCertificates({ client }: Checked): Promise<Finding> {
  const found: { readonly whose: string; readonly untilMs: number }[] = [];
  for await (const { id, name, certificate } of clientCertificates(client)) {
    found.push({
      whose: `the client certificate of endpoint ${name ?? id}`,
      untilMs: expiryOf(certificate ?? ""),
    });
  }
  const first =
    found.find(({ untilMs }) => Number.isNaN(untilMs)) ?? found.toSorted((a, b) => a.untilMs - b.untilMs)[0];
  if (first === undefined) {
    return { state: "ok", found: "no endpoint has a client certificate" };
  }
  const { whose, untilMs } = first;
  const remedy = "write the new one with its key to postrider.endpoint.client_certificate";
  if (Number.isNaN(untilMs)) {
    return { state: "fault", found: `${whose} cannot be read`, remedy };
  }
  const leftMs = untilMs - unixMs();
  const when = new Date(untilMs).toISOString();
  if (leftMs > EXPIRY_WARNING_MS) {
    return {
      state: "ok",
      found: `${counted(found.length, "client certificate")}, of which the first expires on ${when}`,
    };
  }
  return leftMs > 0
    ? { state: "warning", found: `${whose} expires on ${when}`, remedy }
    : { state: "fault", found: `${whose} has expired on ${when}`, remedy };
}

/** A warning, because another daemon may have the URL, and then that one sends what is above the limit. */
async function lookAtPublicUrl({ client, config: { publicUrl } }: Checked): Promise<Finding> {
  const endpoints = await endpointsWithInlineLimit(client);
  if (endpoints === 0) {
    return { state: "ok", found: "no endpoint fetches large payloads" };
  }
  const found = `${counted(endpoints, "endpoint")} with an inline_limit`;
  return publicUrl === null
    ? {
        state: "warning",
        found: `${found}, and no POSTRIDER_PUBLIC_URL: a daemon with these settings lets larger payloads wait`,
        remedy: "set POSTRIDER_PUBLIC_URL to where receivers reach the listener",
      }
    : { state: "ok", found: `${found}; receivers fetch larger payloads from ${publicUrl}` };
}

/** Warnings, because events only wait, and another daemon may listen. */
async function lookAtPull({ client, config: { httpListen } }: Checked): Promise<Finding> {
  const { count, withoutToken, suchAs } = await pullEndpoints(client);
  if (count === 0) {
    return { state: "ok", found: "no receiver fetches its events" };
  }
  const found = counted(count, "pull endpoint");
  if (httpListen === null) {
    return {
      state: "warning",
      found: `${found}, and POSTRIDER_HTTP_LISTEN is off: from a daemon with these settings nothing can be fetched`,
      remedy: "set POSTRIDER_HTTP_LISTEN to an address that their receivers reach",
    };
  }
  return withoutToken === 0
    ? { state: "ok", found: `${found}, each with a token` }
    : {
        state: "warning",
        found: `${found}, of which ${withoutToken} ${withoutToken === 1 ? "has" : "have"} no valid token, such as ${suchAs}: what waits there cannot be fetched`,
        remedy: "give its receiver a token: select postrider.create_pull_token(endpoint_id), or disable the endpoint",
      };
}

/** Daemons make seven days ahead, and look again every few minutes. */
const DAYS_AHEAD_MIN = 2;

async function lookAtPartitions({ client }: Checked): Promise<Finding> {
  const days = await partitionDaysAhead(client);
  const found = `partitions are made for ${counted(days, "day")} ahead`;
  return days >= DAYS_AHEAD_MIN
    ? { state: "ok", found }
    : {
        state: "warning",
        found: `${found}; events of later days go to the default partitions`,
        remedy: "run a daemon, or select postrider.maintain() until it returns nothing",
      };
}
