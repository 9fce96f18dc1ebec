import type { FailureKind } from "../domain/failureKind.ts";

/**
 * Everything that Postrider reports about itself, in one map: the name of each event, its fields, and what it means.
 * The log, conditions, metrics and tests all read this stream; see bus.ts.
 *
 * A name is a noun and a past participle, or a present one for what takes a while. Fields are snake_case, and a field
 * means the same in every event. Fields hold no secret, no payload and no part of a URL beyond its origin.
 */
export const EVENTS = {
  "daemon.started": event<DaemonFacts>("The daemon has its connections, its row and its lease, and starts to claim."),
  "daemon.stopping": event<{ id: string; grace_ms: number }>(
    "The daemon was asked to stop. It claims nothing more and finishes what is in progress.",
  ),
  "daemon.stopped": event<{ version: string; took_ms: number; everything_recorded: boolean }>(
    "The daemon has closed its connections. Unless everything_recorded is false, nothing is left to be done again.",
  ),
  "daemon.beat_failed": event<{ error: string }>("Heartbeats fail. The daemon works on until its lease runs out."),
  "daemon.beat_restored": event<Ended>("Heartbeats succeed again."),
  "daemon.leave_failed": event<{ error: string }>(
    "A stopping daemon could not remove its row. Others take over its claims when its lease runs out.",
  ),
  "daemon.lease_lost": event<{ lost_daemon_id: string; error: string | null }>(
    "The daemon could not renew its lease in time. It starts no attempt until it has a new one.",
  ),
  "daemon.lease_regained": event<{ new_daemon_id: string } & Ended>("The daemon has a lease again, under a new id."),

  "process.started": event<{ pid: number }>("The supervisor started a process, in which one daemon runs."),
  "process.ended": event<{
    exit_status: number | null;
    signal: string | null;
    error: string | null;
    restart_ms: number;
  }>(
    "A daemon's process ended without being asked to, was killed because it hung, or could not be started (error says why, if that is known). " +
      "Another follows in restart_ms. Other daemons take over its claims when its lease runs out.",
  ),

  "schema.unusable": event<{ error: string }>(
    "The schema was migrated to one that this program must not use. The daemon stops.",
  ),
  "database.copied": event<{ error: string }>(
    "The database was restored or copied from another one and was not adopted. The daemon stops.",
  ),
  "sending.stopped": event<{ reason: string | null; changed_by: string }>(
    "An operator switched sending off in postrider.sending. Daemons claim nothing and start no attempt.",
  ),
  "sending.started": event<{ changed_by: string } & Ended>("An operator switched sending on again."),

  "claim.taken": event<{ claim_id: string | null; events: number; deliveries: number; complete: boolean }>(
    "The daemon claimed one page of new events.",
  ),
  "deliveries.queued": event<{ deliveries: number }>(
    "A claim put deliveries into the queue, such as those of pull endpoints. Under a supervisor they may be of several claims.",
  ),
  "events.unmatched": event<{ event_type: string; tenant: string; events: number; event_id: string }>(
    "Events of a type and tenant were claimed, and no endpoint gets them: none of that tenant takes the type, or its filter " +
      "says no. event_id is one of them.",
  ),
  "claim.failed": event<Failure>(
    "Claims fail. The daemon retries with growing pauses, and looks for unfinished claims before it claims again.",
  ),
  "payload.failed": event<DeliveryKey & Failure>(
    "A payload could not be loaded. If it can never reach a daemon, the delivery is discarded; otherwise it returned to the queue.",
  ),
  "payload.url_missing": event<DeliveryKey>(
    "A payload is larger than the inline_limit of its endpoint, and this daemon has no POSTRIDER_PUBLIC_URL under which it could be " +
      "fetched. Such deliveries wait for a daemon that has one. Said once of each endpoint.",
  ),
  "attributes.left_out": event<DeliveryKey & { event_type: string; format: string; attributes: string }>(
    "Attributes of an event are not in the CloudEvent that is sent, because CloudEvents does not allow them. attributes names " +
      "each with the reason. A daemon says it once for events of a type that are alike; explain_event says it of each.",
  ),
  "claim_lock.freed": event<LockHolder>("A session was stuck in the middle of a claim and was ended."),
  "claim_lock.held": event<LockHolder>(
    "A session holds the lock under which daemons claim, and is not claiming. No new event is delivered until it lets go.",
  ),
  "claim_lock.released": event<Ended>("The lock under which daemons claim is free again."),
  "filter.too_slow": event<{ endpoint_id: string; event_id: string; unjudged_for_ms: number }>(
    "An endpoint's filter took too long with an event, and that delivery is discarded. If unjudged_for_ms is not 0, the " +
      "endpoint's filtered deliveries are discarded for that long.",
  ),
  "filter.readmitted": event<{ endpoint_id: string }>(
    "The filters of an endpoint that took too long are quick again, and apply again.",
  ),
  "filters.skipped": event<{ took_ms: number }>(
    "An event could not be claimed in time. It is claimed without filters, and its filtered deliveries are discarded.",
  ),
  "claims.taken_over": event<{ claim_id: string; former_daemon_id: string; deliveries: number }>(
    "This daemon took over an unfinished claim of a daemon that stopped beating.",
  ),

  "claims.kept": event<{ error: string }>(
    "A stopping daemon could not clear the claims that it finished. Other daemons look through them when its lease runs out.",
  ),

  "delivery.attempted": event<AttemptFields>("One attempt ended, with its result: one wide line for each attempt."),
  "delivery.exhausted": event<Delivery & { attempt_number: number; reason: string | null } & AttemptFailure>(
    "The last attempt of a delivery failed, and that is recorded: its retry schedule is used up or, if there is a reason, the " +
      "endpoint gives up on the answer.",
  ),
  "delivery.discarded": event<Delivery & { reason: string }>(
    "A delivery in the daemon's hands ended without success: it was cancelled, the receiver answered 410, its event is gone " +
      "or is too large, the payload cannot reach a daemon, or the endpoint's transformation cannot be applied to it.",
  ),
  "delivery.untransformed": event<DeliveryKey & { reason: string }>(
    "The endpoint's transformation cannot be applied to an event, whose payload is sent as it is, as the endpoint asks.",
  ),

  "endpoint.paused": event<EndpointChange>("An endpoint was paused. Its deliveries wait."),
  "endpoint.resumed": event<EndpointChange>("A paused endpoint was resumed. What waited for it is delivered."),
  "endpoint.disabled": event<EndpointChange>(
    "An endpoint was disabled by an operator, by its receiver's 410, or after nothing but failures for its disable_after. It " +
      "gets no new deliveries, and pending ones are discarded.",
  ),
  "endpoint.enabled": event<EndpointChange>("A disabled endpoint was enabled. It gets events from now on."),

  "certificate.expiring": event<{ endpoint_id: string; expires_at: string; days_left: number }>(
    "The client certificate of an endpoint has expired, or will within 14 days. Each daemon reports it once a day, and when it starts.",
  ),

  "circuit.opened": event<{ endpoint_id: string; failures: number; next_probe_ms: number }>(
    "An endpoint keeps failing. Its deliveries wait, but for probes: one delivery at a time, with growing gaps. Only the daemon " +
      "that recorded the failure reports it, here and below.",
  ),
  "probe.failed": event<{ endpoint_id: string; failures: number; next_probe_ms: number; open_ms: number }>(
    "The probe of an endpoint whose circuit is open failed. The next one follows in next_probe_ms, or up to a fifth earlier.",
  ),
  "circuit.closed": event<{ endpoint_id: string; open_ms: number }>(
    "An endpoint whose circuit was open has succeeded. What waited for it is sent.",
  ),

  "record.failed": event<Failure & { results: number }>(
    "Results cannot be recorded. The daemon keeps them, retries, and claims nothing until they are recorded.",
  ),
  "record.restored": event<Ended>("Results are being recorded again."),
  "record.reduced": event<DeliveryKey & Failure>(
    "Postgres refused a result, which was then recorded without the part it refused.",
  ),
  "record.abandoned": event<DeliveryKey & Failure>(
    "Postgres refuses a result even without its details. The delivery is attempted again after a take-over.",
  ),

  "http_listener.started": event<{ address: string }>("The HTTP listener answers at this address."),
  "http_listener.left_out": event<{ address: string; error: string; remedy: string }>(
    "The default address of the HTTP listener cannot be listened on. The daemon works without the listener.",
  ),
  "http_request.failed": event<{ error: string }>(
    "A request to the HTTP listener failed, and not because Postgres is away. The client got a 500, or an answer that breaks off.",
  ),

  "console.started": event<{ address: string }>("The API answers at this address."),
  "console.left_out": event<{ address: string; error: string; remedy: string }>(
    "The default address of the API cannot be listened on. The daemon works without the API.",
  ),
  "console_request.failed": event<{ error: string }>(
    "A request to the API failed, and not because of what it asked or because Postgres is away. The client got a 500.",
  ),

  "portal.started": event<{ address: string }>("The portal answers at this address."),
  "portal_request.failed": event<{ error: string }>(
    "A request to the portal failed, and not because of what it asked or because Postgres is away. The client got a 500.",
  ),

  "listener.connected": event<Nothing>("The daemon listens for notifications."),
  "listener.lost": event<{ error: string }>(
    "The connection that listens is in doubt. The daemon polls until it and the gate are rebuilt.",
  ),
  "gate.lost": event<{ error: string }>(
    "The connection that holds the wake locks is in doubt. The daemon polls until it is rebuilt.",
  ),
  "gate.restored": event<Ended>("The listener and the gate are connected. Inserts can wake the daemon again."),
  "pooler.found": event<{ setting: string; remedy: string }>(
    "A connection leads through a transaction pooler, which keeps neither LISTEN nor the wake locks. The daemon polls.",
  ),
  "connections.refused": event<{ granted: number; wished: number; error: string }>(
    "Postgres or a pooler refused a further connection. The daemon works with those granted, and asks again more and more " +
      "seldom. The listener and the gate come on top.",
  ),
  "connections.granted": event<Ended>("The daemon has as many connections as it wishes again."),
  "postgres.lost": event<Failure>("Postgres cannot be reached. The program retries with growing pauses."),
  "postgres.restored": event<Ended>("Postgres can be reached again, and claims succeed."),

  "traces.failed": event<{ error: string; spans_lost: number }>(
    "Spans do not reach the collector and are lost (spans_lost counts them from the start of the process). Deliveries do not " +
      "wait for it.",
  ),
  "traces.restored": event<{ spans_lost: number } & Ended>("The collector takes all spans again."),

  "replay.finished": event<{ replay_id: string; endpoint_id: string; outcome: "done" | "cancelled" }>(
    "Every delivery of a replay is finished, or the replay was cancelled.",
  ),
  "replay.failed": event<{ replay_id: string; endpoint_id: string; error: string; took_ms: number }>(
    "A step of a replay failed and will be retried. postrider.replay_status shows why.",
  ),

  "ingest.started": event<{ name: string; path?: string; byte_offset?: number; line_number?: number }>(
    "The ingest makes events of log lines, from the given position of the file.",
  ),
  "ingest.progressed": event<IngestTotals>("How many lines the ingest has read so far, and what became of them."),
  "ingest.stopped": event<{ name: string } & IngestTotals>("The ingest has stored every line that it took, and ends."),
  "line.refused": event<{ line_number: number; byte_offset: number; reason: string; excerpt: string | null }>(
    "A log line cannot become an event. The ingest continues with the next line.",
  ),
  "file.missing": event<{ path: string }>("The followed file does not exist. The ingest waits for it."),
  "file.unreadable": event<{ path: string; error: string }>(
    "The followed file cannot be read. The ingest retries; the lines wait in the file.",
  ),
  "file.found": event<{ path: string } & Ended>("The followed file exists and can be read again."),
  "file.rotated": event<{ path: string } & FilePlace>(
    "The followed file was rotated. The old one is read to its end, and the ingest continues with the next.",
  ),
  "file.ignored": event<{ path: string; file: string; reason: string }>(
    "A file that is named like a rotated one is not read. If it is one, say so with --rotated.",
  ),
  "file.emptied": event<{ path: string; byte_offset: number }>(
    "The followed file was emptied. The ingest looks for the unread part in a copy.",
  ),
  "file.lost": event<{ path: string; goes_on_with: string; compressed: readonly string[] } & FilePlace>(
    "The file that was read last is gone, and with it whatever was written to it after the given position.",
  ),

  "partition.made": event<{ partition: string | null }>("A partition for the days ahead was made."),
  "partition.moved": event<{ partition: string | null }>(
    "Rows of a past day moved from the default partition to a partition for that day.",
  ),
  "partition.dropped": event<{ partition: string | null }>("A partition past its retention was dropped."),
  "maintenance.failed": event<{ task: MaintenanceTask; error: string }>(
    "Partitions or replays cannot be maintained, the counts of a minute not be appended, or the keys of endpoints not be made. " +
      "The daemon retries later.",
  ),
  "maintenance.restored": event<{ task: MaintenanceTask } & Ended>("Maintenance succeeds again."),
  "settings.warned": event<{ warning: string }>("A setting is accepted and has no effect."),
  "subscriber.failed": event<{ of: string; error: string }>(
    "Code that reads these events threw an error, which is a bug. Only its first error is reported.",
  ),
} as const;

export type EventName = keyof typeof EVENTS;

export type EventFields<Name extends EventName> = Readonly<NonNullable<(typeof EVENTS)[Name]["fields"]>>;

/** One event as subscribers get it: `switch (event.name)` narrows the fields. */
export type Emitted = { [Name in EventName]: { readonly name: Name; readonly fields: EventFields<Name> } }[EventName];

/** What the end of a lasting condition adds: how long it lasted, and how often it was met after its start. */
export type Ended = {
  readonly lasted_ms: number;
  readonly repeats: number;
};

type Nothing = Readonly<Record<never, never>>;

type Failure = {
  readonly error: string;
  readonly sqlstate: string | null;
};

type DaemonFacts = {
  readonly id: string;
  readonly database: string;
  /** The role that logged in. */
  readonly role: string;
  readonly server_version: string;
  /** At most; three are enough. */
  readonly connections_max: number;
  readonly memory_mib_max: number;
  readonly max_in_flight: number;
  readonly poll_interval_ms: number;
  readonly shutdown_grace_ms: number;
  /** Null: as the row in Postgres says. */
  readonly retention_ms: number | null;
  readonly egress: string;
  /** Host and port; null without one. */
  readonly egress_proxy: string | null;
  /** The origin of the collector; null if nothing is traced. */
  readonly traces: string | null;
  readonly source: string;
  readonly log_level: string;
  /** Whether LISTEN has its own URL. */
  readonly listen_url: boolean;
  readonly prepared_statements: boolean;
};

type LockHolder = {
  readonly pid: number;
  readonly role: string | null;
  readonly application_name: string | null;
  readonly state: string | null;
  readonly wait_event: string | null;
};

type DeliveryKey = {
  readonly event_id: string;
  readonly endpoint_id: string;
};

type Delivery = DeliveryKey & {
  readonly event_type: string;
};

type AttemptFailure = {
  readonly http_status: number | null;
  readonly failure_kind: FailureKind | null;
  readonly error: string | null;
};

type AttemptFields = Delivery &
  AttemptFailure & {
    /** The batch that was sent; null if the event was sent alone. */
    readonly batch_id: string | null;
    readonly attempt_number: number;
    /** The origin only. */
    readonly url: string;
    readonly duration_ms: number;
    readonly state: "succeeded" | "pending" | "exhausted" | "discarded";
    readonly next_attempt_ms: number | null;
  };

/** The row of postrider.audit says more. Each daemon reports the change; `audit_id` tells that it is the same one. */
type EndpointChange = {
  readonly audit_id: string;
  readonly endpoint_id: string;
  readonly reason: string | null;
  /** The role that logged in. */
  readonly changed_by: string;
};

type IngestTotals = {
  readonly lines: number;
  readonly events: number;
  readonly unmatched: number;
  readonly refused: number;
};

type FilePlace = {
  readonly line_number: number;
  readonly byte_offset: number;
};

type MaintenanceTask = "partitions" | "replays" | "minutes" | "keys" | "handshakes";

/**
 * Fields are flat, so that no object with a secret in it gets in by way of a field. (The shapes above are types and not
 * interfaces because TypeScript takes no interface for this one.)
 */
type Flat = Readonly<Record<string, string | number | boolean | null | undefined | readonly string[]>>;

/** `fields` exists in the type only. */
interface EventDeclaration<Fields extends Flat> {
  readonly meaning: string;
  readonly fields?: Fields;
}

function event<Fields extends Flat>(meaning: string): EventDeclaration<Fields> {
  return { meaning };
}
