/**
 * The one stream of named events that feeds logs, metrics and tests. A name is a noun, then a past participle
 * (or a present one for what takes a while). Fields are snake_case and the same wherever they appear: `event_id`,
 * `endpoint_id`, `event_type`, `attempt_number`, `duration_ms`, `http_status`, `failure_kind`, `error`.
 */
export const EVENTS = {
  "daemon.started": "the daemon has its connections, its row and its lease, and begins to claim",
  "daemon.stopping": "the daemon was asked to stop: it claims no more and finishes what is in flight",
  "daemon.stopped": "the daemon has recorded or handed back everything and closed its connections",
  "daemon.beat_failed": "a heartbeat failed; the lease lasts until it runs out",
  "daemon.leave_failed": "a stopping daemon could not take its row away; its claims are taken over when its lease ends",
  "daemon.lease_lost":
    "the daemon could not beat in time, with the last error: it starts no attempt until it has a lease again",
  "daemon.lease_regained": "the daemon beats again and goes on",

  "schema.unusable": "the schema was migrated to one that this program must not use: it stops",

  "database.copied":
    "the database was restored or copied from another one, or the connection leads to such a one: the daemon stops",
  "sending.stopped":
    "sending is switched off in postrider.sending, with the reason: nothing is claimed and nothing begun",
  "sending.started": "sending is switched on again",

  "claim.taken": "one page of new events was claimed",
  "claim.failed": "a claim failed; unfinished claims are looked for before the next one",
  "lane.freed": "a session was stuck in the middle of a claim, its daemon frozen or gone, and was ended",
  "lane.held":
    "somebody holds the lock under which daemons claim, and is not claiming: nothing new is delivered meanwhile",
  "filter.too_slow":
    "a filter took too long with an event, whose delivery to that endpoint is discarded; after several, all for a while",
  "filter.readmitted": "the filters of an endpoint that took too long are quick again, and applied",
  "filters.skipped": "an event could not be claimed in time: its filters are left out, and those deliveries discarded",
  "claims.taken_over": "unfinished claims of a daemon that stopped beating go on here",

  "delivery.attempted": "one attempt with its result: the wide line",
  "delivery.exhausted": "the last attempt of a retry schedule failed",
  "delivery.discarded": "a delivery was ended without success: the endpoint is disabled or gone, or it was cancelled",
  "record.failed": "results could not be recorded; no claims until they are",
  "record.restored": "results are being recorded again",
  "record.reduced": "Postgres refused a result as it was, and it was recorded without the part it refused",

  "endpoint.disabled": "an endpoint gets no more deliveries, with the reason",
  "circuit.opened": "an endpoint only fails: it gets probes with growing gaps, and its deliveries wait",
  "circuit.closed": "a probe succeeded and the endpoint gets its deliveries again",

  "listener.connected": "NOTIFY is being listened for",
  "listener.lost": "the listening connection is in doubt and being rebuilt; polling covers",
  "gate.lost": "the connection that holds the wake locks is in doubt and being rebuilt; polling covers",
  "postgres.lost": "Postgres cannot be reached; it is tried again with growing pauses",
  "postgres.restored": "Postgres can be reached again",

  "replay.finished": "everything that a replay has prepared is finished, or it was cancelled",
  "replay.failed": "a step of a replay failed; postrider.replay_status says why, and it is tried again later",

  "ingest.started": "log lines are being made into events, from the position that is named",
  "ingest.progressed": "how many lines the ingest has read so far, and what became of them",
  "ingest.stopped": "the ingest has stored every line that it took, and ends",
  "line.refused": "a log line cannot become an event, with its place and the reason; the ingest goes on with the next",
  "file.missing": "the followed file is not there; it is waited for",
  "file.unreadable": "the followed file cannot be read; it is tried again, and its lines wait in it",
  "file.rotated": "the followed file was rotated, and the old one is read to its end: the next one follows",
  "file.emptied": "the followed file was emptied; what was not read of it is looked for in a copy",
  "file.lost": "the file that was read last is gone, with whatever was written to it after the position that is named",

  "partition.made": "a partition for the days ahead was made",
  "partition.moved": "a partition was made of rows of a past day that the default partition had",
  "partition.dropped": "a partition past its retention was dropped",
  "maintenance.failed": "partitions or retention could not be seen to; tried again later",
  "schema.migrated": "a migration was applied",
  "settings.warned": "a setting is accepted and has no effect",
} as const;

export type EventName = keyof typeof EVENTS;
