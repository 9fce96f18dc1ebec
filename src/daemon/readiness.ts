import type { Readiness } from "../listen/vitals.ts";
import type { ConditionName } from "../telemetry/conditions.ts";

const REASONS = {
  not_recording: "results cannot be recorded in Postgres",
  not_claiming: "Postgres does not take claims: it cannot be reached, or refuses them",
  claim_lock_held: "a session holds the lock under which daemons claim",
  lease_lost: "the daemon could not renew its lease in time",
} as const satisfies Partial<Record<ConditionName, string>>;

const NOTES = {
  not_sending: "an operator switched sending off, in postrider.sending",
  blind: "notifications do not reach the daemon, which looks once in each poll interval",
  few_connections: "Postgres or a pooler grants fewer connections than the daemon wishes",
  not_beating: "heartbeats fail, and the lease still holds",
  partitions_failing: "partitions cannot be maintained",
  keys_failing: "keys of endpoints cannot be made, or secrets cannot be sealed",
  handshakes_failing: "receivers cannot be asked whether they consent",
  replays_failing: "replays cannot be continued",
  minutes_failing: "the counts of the last minutes cannot be written",
  traces_failing: "spans do not reach the collector",
} as const satisfies Partial<Record<ConditionName, string>>;

/** What lasts in a daemon that has started, and in its process. */
export function readinessIn(lasts: (name: ConditionName) => boolean): Readiness {
  const sentences = (table: Readonly<Partial<Record<ConditionName, string>>>) =>
    (Object.entries(table) as [ConditionName, string][])
      .filter(([name]) => lasts(name))
      .map(([, sentence]) => sentence);
  return { reasons: sentences(REASONS), notes: sentences(NOTES) };
}
