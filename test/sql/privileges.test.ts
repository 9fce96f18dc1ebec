/**
 * What each role may do with each object: declared here and tried. Every object of the schema must have a line here, so
 * that no grant is added or forgotten by accident.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, beforeEach, describe, test } from "node:test";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import {
  askFor,
  claimAll,
  insertEvent,
  openSession,
  pidOf,
  recordResults,
  reset,
  resultOf,
  rowsOf,
  waitsForLock,
} from "../support/engine.ts";
import { createPullEndpoint, fetchPage } from "../support/pulling.ts";
import { createLogin, isRefused, type Login, ROLES, type Role, whichAreRefused } from "../support/roles.ts";

type Verb = "select" | "insert" | "update";
const VERBS: readonly Verb[] = ["select", "insert", "update"];

/** Columns of a relation, separated by spaces; `*` for all of them. */
type Columns = string;

interface Access {
  /** All its columns, because a new one needs a decision. */
  readonly columns: Columns;
  readonly select?: Partial<Readonly<Record<Role, Columns>>>;
  readonly insert?: Partial<Readonly<Record<Role, Columns>>>;
  readonly update?: Partial<Readonly<Record<Role, Columns>>>;
  readonly delete?: readonly Role[];
}

const LOOKERS = { reader: "*", operator: "*" } as const;
const WRITTEN_BY_APPLICATIONS = "event_type payload tenant ordering_key deliver_at idempotency_key attributes";
const EDITED_BY_OPERATORS =
  "tenant name description kind url format timeout_ms retry_schedule retry_on give_up_on headers disable_after signing encryption_key auth client_certificate inline_limit handshake payload payload_fallback state state_reason batch_size batch_delay_ms max_in_flight rate_limit rate_burst ordered when_exhausted";

const RELATIONS: Readonly<Record<string, Access>> = {
  outbox: {
    columns:
      "id xid seq created_at deliver_at event_type tenant ordering_key idempotency_key attributes payload test_endpoint_id erased_at",
    select: {
      publisher: "id",
      reader:
        "id xid seq created_at deliver_at event_type tenant ordering_key idempotency_key test_endpoint_id erased_at",
      operator: "*",
      daemon: "*",
    },
    insert: { publisher: WRITTEN_BY_APPLICATIONS },
  },
  outbox_default: {
    columns:
      "id xid seq created_at deliver_at event_type tenant ordering_key idempotency_key attributes payload test_endpoint_id erased_at",
  },
  idempotency_key: { columns: "tenant idempotency_key event_id", select: LOOKERS },
  endpoint: {
    columns:
      "id tenant name description kind url shown_url format timeout_ms retry_schedule retry_on give_up_on headers disable_after signing encryption_key auth client_certificate inline_limit handshake handshake_state payload payload_fallback state state_reason state_changed_at paused_at pause_reason revision created_at updated_at transforms has_transformed circuit_opened_at batch_size batch_delay_ms max_in_flight rate_limit rate_burst receiver_rate effective_rate is_limited ordered when_exhausted",
    select: {
      reader:
        "id tenant name description kind shown_url format timeout_ms retry_schedule retry_on give_up_on disable_after signing encryption_key inline_limit handshake handshake_state payload payload_fallback state state_reason state_changed_at paused_at pause_reason revision created_at updated_at transforms has_transformed circuit_opened_at batch_size batch_delay_ms max_in_flight rate_limit rate_burst receiver_rate effective_rate is_limited ordered when_exhausted",
      operator: "*",
      daemon: "*",
    },
    insert: { operator: EDITED_BY_OPERATORS },
    update: { operator: EDITED_BY_OPERATORS },
    delete: ["operator"],
  },
  endpoint_handshake: {
    columns: "endpoint_id next_at asked_at granted_at allowed_rate refusals http_status reason",
    select: LOOKERS,
  },
  endpoint_secret: {
    columns: "id endpoint_id secret created_at expires_at kind public_key credential_hash",
    select: {
      reader: "id endpoint_id created_at expires_at kind public_key",
      operator: "id endpoint_id created_at expires_at kind public_key",
      daemon: "*",
    },
  },
  subscription: {
    columns: "id endpoint_id tenant event_type filter created_at",
    select: { ...LOOKERS, daemon: "*" },
    insert: { operator: "endpoint_id event_type filter" },
    update: { operator: "endpoint_id event_type filter" },
    delete: ["operator"],
  },
  delivery: {
    columns:
      "event_id endpoint_id created_at finished_at next_attempt_at lease_expires_at leased_by attempts attempts_before first_started_at first_endpoint_revision first_duration_ms first_http_status first_requests first_attempt_id first_daemon_id batch_id state reason replay_id state_before first_response_headers first_response_body is_counted is_asked ordering_key ordering_seq halts pull_place",
    select: {
      reader:
        "event_id endpoint_id created_at finished_at next_attempt_at lease_expires_at leased_by attempts attempts_before first_started_at first_endpoint_revision first_duration_ms first_http_status first_requests first_attempt_id first_daemon_id batch_id state reason replay_id state_before is_counted is_asked ordering_key ordering_seq halts pull_place",
      operator: "*",
    },
  },
  delivery_default: {
    columns:
      "event_id endpoint_id created_at finished_at next_attempt_at lease_expires_at leased_by attempts attempts_before first_started_at first_endpoint_revision first_duration_ms first_http_status first_requests first_attempt_id first_daemon_id batch_id state reason replay_id state_before first_response_headers first_response_body is_counted is_asked ordering_key ordering_seq halts pull_place",
  },
  attempt: {
    columns:
      "event_id endpoint_id id daemon_id started_at attempt_number duration_ms http_status failure_kind error response_headers response_body requests endpoint_revision batch_id",
    select: {
      reader:
        "event_id endpoint_id id daemon_id started_at attempt_number duration_ms http_status failure_kind error requests endpoint_revision batch_id",
      operator: "*",
    },
  },
  other_attempt: {
    columns:
      "event_id endpoint_id id daemon_id started_at endpoint_revision attempt_number duration_ms http_status requests failure_kind error batch_id response_headers response_body",
    select: {
      reader:
        "event_id endpoint_id id daemon_id started_at endpoint_revision attempt_number duration_ms http_status requests failure_kind error batch_id",
      operator: "*",
    },
  },
  other_attempt_default: {
    columns:
      "event_id endpoint_id id daemon_id started_at endpoint_revision attempt_number duration_ms http_status requests failure_kind error batch_id response_headers response_body",
  },
  transformation: {
    columns: "event_id endpoint_id created_at endpoint_revision problem headers payload",
    select: {
      reader: "event_id endpoint_id created_at endpoint_revision problem",
      operator: "*",
      daemon: "*",
    },
  },
  transformation_default: {
    columns: "event_id endpoint_id created_at endpoint_revision problem headers payload",
  },
  daemon: {
    columns:
      "id host pid version started_at beat_at lease_expires_at in_flight waiting condition condition_since condition_reason encryption_key_ids public_url",
    select: LOOKERS,
  },
  claim: {
    columns: "id base target after_xid after_seq aside_xids aside_seqs daemon_id claimed_at event_ids endpoint_ids xid",
    select: LOOKERS,
  },
  server_epoch: { columns: "is_row id since", select: LOOKERS },
  sending: {
    columns: "is_row is_on reason changed_at changed_by is_guarded system_identifier database_oid home_since",
    select: { ...LOOKERS, daemon: "*" },
    update: { operator: "is_on reason" },
  },
  retention: {
    columns: "is_row period changed_at changed_by hours_period",
    select: { ...LOOKERS, daemon: "*" },
    update: { operator: "period hours_period" },
  },
  audit: {
    columns: "id at transaction_id actor acting_as action endpoint_id event_id detail before after on_behalf_of",
    select: { ...LOOKERS, daemon: "*" },
  },
  api_key: {
    columns: "id name scopes key_hash created_at created_by expires_at last_used_at",
    select: {
      reader: "id name scopes created_at created_by expires_at last_used_at",
      operator: "id name scopes created_at created_by expires_at last_used_at",
    },
  },
  api_request: {
    columns: "id request_hash status answer created_at",
    select: { reader: "id status created_at", operator: "id status created_at" },
  },
  api_session: {
    columns: "id api_key_id token_hash link_hash created_at expires_at",
    select: {
      reader: "id api_key_id created_at expires_at",
      operator: "id api_key_id created_at expires_at",
    },
  },
  portal_token: {
    columns: "id tenant subject capabilities token_hash created_at created_by expires_at",
    select: {
      reader: "id tenant subject capabilities created_at created_by expires_at",
      operator: "id tenant subject capabilities created_at created_by expires_at",
    },
  },
  portal_answer: {
    columns: "event_id endpoint_id id attempt_number started_at http_status response_headers response_body",
    select: { portal: "*" },
  },
  portal_attempt: {
    columns: "event_id endpoint_id id attempt_number started_at duration_ms http_status failure_kind error",
    select: { portal: "*" },
  },
  portal_endpoint: {
    columns:
      "id name description url url_is_whole kind format signing header_names event_types timeout_ms retry_schedule disable_after state state_reason state_changed_at is_failing failing_since consecutive_failures last_failure_at last_failure_kind last_http_status last_error recovered_at disabled_from circuit_opened_at next_probe_at revision created_at updated_at",
    select: { portal: "*" },
  },
  portal_event: {
    columns: "id event_type ordering_key created_at deliver_at erased_at is_test",
    select: { portal: "*" },
  },
  portal_event_type: {
    columns: "name description json_schema deprecated",
    select: { portal: "*" },
  },
  portal_five_minutes: {
    columns:
      "began_at endpoint_id succeeded_first succeeded_later failed exhausted discarded sent_again failures request_ms",
    select: { portal: "*" },
  },
  portal_hour: {
    columns:
      "hour endpoint_id succeeded_first succeeded_later failed exhausted discarded sent_again failures request_ms",
    select: { portal: "*" },
  },
  portal_minute: {
    columns:
      "minute endpoint_id succeeded_first succeeded_later failed exhausted discarded sent_again failures request_ms",
    select: { portal: "*" },
  },
  portal_payload: {
    columns: "id payload",
    select: { portal: "*" },
  },
  portal_replay: {
    columns:
      "replay_id endpoint_id name state since until event_type states events prepared left_alone pending succeeded exhausted discarded restored created_at progressed_at finished_at",
    select: { portal: "*" },
  },
  portal_secret: {
    columns: "id endpoint_id kind public_key created_at expires_at",
    select: { portal: "*" },
  },
  portal_subscription: {
    columns: "id endpoint_id event_type filter created_at",
    select: { portal: "*" },
  },
  erasure: { columns: "tenant after_event events requested_at requested_by", select: LOOKERS },
  schema_migration: {
    columns: "version name sha256 breaking applied_at applied_by postrider_version duration_ms",
    select: { ...LOOKERS, daemon: "*" },
  },
  schema_object: {
    columns: "name sha256 grants triggers fingerprint server_major installed_at installed_by postrider_version",
    select: { ...LOOKERS, daemon: "*" },
  },
  endpoint_failure: {
    columns:
      "endpoint_id consecutive_failures failing_since last_failure_at last_failure_kind last_http_status last_error recovered_at announced_at next_probe_at probe_gap probe_event_id probe_until",
    select: { ...LOOKERS, daemon: "*" },
  },
  pull_position: {
    columns: "endpoint_id last_place acknowledged_place gone_place server cursor_key given_at acknowledged_at",
    select: {
      reader: "endpoint_id last_place acknowledged_place gone_place server given_at acknowledged_at",
      operator: "endpoint_id last_place acknowledged_place gone_place server given_at acknowledged_at",
    },
  },
  pull_token: {
    columns: "id endpoint_id token_hash created_at expires_at",
    select: {
      reader: "id endpoint_id created_at expires_at",
      operator: "id endpoint_id created_at expires_at",
      daemon: "*",
    },
  },
  pull_status: {
    columns: "endpoint_id tenant name state given_at acknowledged_at unacknowledged tokens",
    select: LOOKERS,
  },
  endpoint_pace: { columns: "endpoint_id spent_until unsettled_since", select: LOOKERS },
  ordered_walk: { columns: "endpoint_id after_key", select: LOOKERS },
  halted_key: {
    columns: "endpoint_id tenant name url ordering_key event_id event_type halted_at waiting",
    select: LOOKERS,
  },
  cancellation: { columns: "event_id endpoint_id reason requested_at", select: { ...LOOKERS, daemon: "*" } },
  endpoint_health: {
    columns:
      "endpoint_id name url tenant state state_reason is_failing failing_since consecutive_failures last_failure_at last_failure_kind last_http_status last_error recovered_at exhausted p50_ms p95_ms disabled_from circuit circuit_opened_at next_probe_at halted_keys halted_since certificate_expires_at",
    select: { ...LOOKERS, daemon: "*" },
  },
  replay: {
    columns:
      "id endpoint_id since until event_type states state reason events after_event prepared left_alone exhausted discarded restored pace created_at progressed_at next_step_at finished_at requested_by",
    select: { ...LOOKERS, daemon: "*" },
  },
  replay_failure: { columns: "replay_id state", select: LOOKERS },
  replay_status: {
    columns:
      "replay_id endpoint_id name url endpoint_state state reason since until event_type states events prepared left_alone pending succeeded exhausted discarded restored created_at progressed_at finished_at requested_by",
    select: LOOKERS,
  },
  capture_status: {
    columns: "table_name event_type operations condition payload ordering_key tenant function_name runs_as problem",
    select: { ...LOOKERS, publisher: "*" },
  },
  event_type: {
    columns:
      "name description json_schema enforce deprecated created_at updated_at checks predicate value_steps object_steps byte_steps",
    select: LOOKERS,
    insert: { operator: "name description json_schema enforce deprecated" },
    update: { operator: "name description json_schema enforce deprecated" },
    delete: ["operator"],
  },
  event_type_policy: {
    columns: "only_row unknown_types changed_at",
    select: LOOKERS,
    update: { operator: "unknown_types" },
  },
  ingest: {
    columns:
      "name role_name path run_id batch file_id file_modified_ns fingerprint byte_offset line_number lines events unmatched refused created_at updated_at file_born_ns passed_born_ns known_files",
    select: LOOKERS,
  },
  ingest_position: {
    columns:
      "name role_name path run_id batch file_id file_modified_ns fingerprint byte_offset line_number lines events unmatched refused created_at updated_at file_born_ns passed_born_ns known_files",
    select: { ...LOOKERS, publisher: "*" },
  },
  in_flight: {
    columns: "event_id endpoint_id name url attempt_number daemon_id since lease_expires_at batch_id",
    select: { ...LOOKERS, daemon: "*" },
  },
  delivery_status: {
    columns:
      "event_id endpoint_id name url event_type tenant state detail reason attempts last_http_status last_error next_attempt_at created_at finished_at format transformation batch_id behind_event_id halts_key is_thin",
    select: LOOKERS,
  },
  backlog: {
    columns: "endpoint_id tenant name url endpoint_state pending due oldest_at oldest_age is_exact",
    select: { ...LOOKERS, daemon: "*" },
  },
  endpoint_minute: {
    columns:
      "minute endpoint_id tenant name url succeeded_first succeeded_later failed exhausted discarded sent_again failures request_ms request_ms_total delay_ms failed_again excused sent_bytes",
    select: { ...LOOKERS, daemon: "*" },
  },
  endpoint_minute_part: {
    columns:
      "minute endpoint_id part_id request_ms_total succeeded_first succeeded_later failed exhausted discarded sent_again failures request_ms delay_ms failed_again excused sent_bytes",
    select: LOOKERS,
  },
  endpoint_minute_part_default: {
    columns:
      "minute endpoint_id part_id request_ms_total succeeded_first succeeded_later failed exhausted discarded sent_again failures request_ms delay_ms failed_again excused sent_bytes",
  },
  daemon_minute: {
    columns:
      "minute part_id daemon_id request_ms_total claimed succeeded_first succeeded_later failed exhausted discarded sent_again flushes in_flight_max waiting_max failures request_ms delay_ms failed_again excused sent_bytes",
    select: LOOKERS,
  },
  endpoint_hour: {
    columns:
      "hour endpoint_id tenant name url succeeded_first succeeded_later failed exhausted discarded sent_again failures request_ms request_ms_total delay_ms failed_again excused sent_bytes",
    select: { ...LOOKERS, daemon: "*" },
  },
  endpoint_hour_part: {
    columns:
      "hour endpoint_id part_id request_ms_total sent_bytes succeeded_first succeeded_later failed exhausted discarded sent_again failed_again excused failures request_ms delay_ms",
    select: LOOKERS,
  },
  endpoint_five_minutes_part: {
    columns:
      "began_at endpoint_id part_id succeeded_first succeeded_later failed exhausted discarded sent_again failures request_ms delay_ms",
    select: LOOKERS,
  },
  daemon_hour_part: {
    columns:
      "hour part_id claimed request_ms_total sent_bytes daemons succeeded_first succeeded_later failed exhausted discarded sent_again failed_again excused failures request_ms delay_ms",
    select: LOOKERS,
  },
  unmatched_hour: { columns: "hour events event_type tenant", select: LOOKERS },
  hour_cursor: { columns: "is_row made_until", select: LOOKERS },
  objective: {
    columns: "id tenant endpoint_id target within",
    select: LOOKERS,
    insert: { operator: "tenant endpoint_id target within" },
    update: { operator: "tenant endpoint_id target within" },
    delete: ["operator"],
  },
  unmatched_minute: { columns: "minute tenant event_type events", select: { ...LOOKERS, daemon: "*" } },
  unmatched_minute_part: { columns: "minute part_id events event_type tenant", select: LOOKERS },
  unmatched_minute_part_default: { columns: "minute part_id events event_type tenant" },
  undelivered: {
    columns: "endpoint_id tenant name url endpoint_state exhausted discarded is_exact",
    select: { ...LOOKERS, daemon: "*" },
  },
  daemon_status: {
    columns:
      "id host pid version state condition condition_since condition_reason started_at beat_at lease_expires_at in_flight waiting claims",
    select: { ...LOOKERS, daemon: "*" },
  },
};

interface Call {
  readonly by: readonly Role[];
  /** Whose rights it acts with. */
  readonly as: "owner" | "caller";
}

function caller(...by: Role[]): Call {
  return { by, as: "caller" };
}

function owner(...by: Role[]): Call {
  return { by, as: "owner" };
}

const FUNCTIONS: Readonly<Record<string, Call>> = {
  // Called by defaults, checks, generated columns, triggers and views with the rights of their user.
  uuid_v7: caller("publisher", "operator"),
  is_wake_off: caller("publisher"),
  wake_daemons: caller("publisher"),
  notify_daemons: caller("publisher"),
  refuse_event: caller("publisher"),
  refuse_null_in_event: caller("publisher"),
  note_idempotency_key: owner("publisher"),
  note_failed_capture: owner("publisher"),
  warn_of_other_event: owner("publisher"),
  refuse_late: owner("publisher"),
  judge_event: owner("publisher"),
  are_headers: caller("operator"),
  is_public_jwk: caller("operator"),
  is_auth: caller("operator"),
  is_client_certificate: caller("operator"),
  is_pem: caller("operator"),
  auth_members: caller("operator"),
  holds_credential: caller("operator"),
  base64url_bytes: caller("operator"),
  has_no_login: caller("operator"),
  are_retry_waits: caller("operator"),
  are_statuses: caller("operator"),
  url_without_secrets: caller("operator"),
  uuid_v7_time: caller("reader", "operator", "daemon"),

  count_waiting: owner("reader", "operator", "daemon"),
  count_unclaimed: owner("reader", "operator", "daemon"),
  count_undelivered: owner("reader", "operator", "daemon"),
  count_attempts: owner("reader", "operator", "daemon"),
  uuid_v7_floor: caller("reader", "operator", "daemon"),
  chart: caller("reader", "operator"),
  percentiles: caller("reader", "operator"),
  count_requests: caller("reader", "operator"),
  count_replay_pending: owner("reader", "operator"),
  count_unmatched: caller("reader", "operator"),
  judge_objective: caller("reader", "operator"),
  count_overdue: caller("reader", "operator"),
  burn_rate: caller("reader", "operator"),
  sum_places: caller("reader", "operator"),
  set_objective: owner("operator"),
  drop_objective: owner("operator"),
  event_type_patterns: caller("reader", "operator", "daemon"),
  publish: owner("publisher"),
  publish_events: caller("publisher"),

  // A capture is created, checked and ended with its caller's rights.
  capture: caller("publisher"),
  uncapture: caller("publisher"),
  check_capture: caller("publisher"),
  check_capture_expression: caller("publisher"),
  create_capture_trigger: caller("publisher"),
  make_capture: caller("publisher"),
  drop_capture: caller("publisher"),
  capture_function: caller("publisher"),
  write_capture_functions: caller("publisher"),
  capture_settings: caller("publisher"),
  reads_session: caller("publisher"),
  compares_rows: caller("publisher"),
  event_query: caller("publisher"),
  row_table: caller("publisher"),
  are_columns: caller("publisher"),
  is_function: caller("publisher"),
  is_as_captured: caller("publisher"),
  fits_row: caller("publisher"),
  insert_changed_event: caller("publisher"),
  changed_table_statement: caller("publisher"),
  capture_moves: caller("publisher"),
  note_moving_row: caller("publisher"),
  lost_columns: caller("publisher", "reader", "operator"),
  row_change: caller("publisher"),
  refuse_captured_truncate: caller("publisher"),
  trigger_arguments: caller("publisher", "reader", "operator"),

  judged_event_types: caller("publisher"),
  define_event_type: owner("operator"),
  drop_event_type: owner("operator"),
  refuse_unknown_event_types: owner("operator"),
  allow_unknown_event_types: owner("operator"),

  // An ingest is a publisher with a position, which the functions keep.
  open_ingest: owner("publisher"),
  store_lines: owner("publisher"),
  close_ingest: owner("publisher"),
  forget_ingest: owner("operator"),

  create_endpoint: owner("operator"),
  subscribe: owner("operator"),
  unsubscribe: owner("operator"),
  pause_endpoint: owner("operator"),
  resume_endpoint: owner("operator"),
  disable_endpoint: owner("operator"),
  enable_endpoint: owner("operator"),
  redeliver: owner("operator"),

  copy_problem: owner("reader", "operator", "daemon"),
  adopt: owner("operator"),

  claim_events: owner("daemon"),
  claim_deliveries: owner("daemon"),
  measure_figures: owner("daemon"),
  measure_waiting: owner("daemon"),
  measure_endpoints: owner("daemon"),
  record_results: owner("daemon"),
  take_over_claim: owner("daemon"),
  make_key: owner("daemon"),
  take_handshakes: owner("daemon"),
  record_handshake: owner("daemon"),
  request_handshake: owner("operator"),
  seal_secret: owner("daemon"),
  pause_unreadable: owner("daemon"),
  has_signing_key: caller("reader", "operator", "daemon"),
  create_pull_token: owner("operator"),
  revoke_pull_token: owner("operator"),
  create_api_key: owner("operator"),
  revoke_api_key: owner("operator"),
  create_api_link: owner("operator"),
  use_api_key: owner("publisher", "reader", "operator"),
  open_api_session: owner("reader", "operator"),
  close_api_session: owner("reader", "operator"),
  begin_api_request: owner("operator"),
  keep_api_request: owner("operator"),
  note_signed_request: owner("operator"),
  new_api_token: caller(),
  fetch_events: owner("daemon"),
  find_fetchable: owner("daemon"),
  endpoint_pulling: owner(),
  pull_cursor: caller(),
  cursor_place: caller(),
  present_server: caller(),
  acknowledge_pulled: caller(),
  place_pulled: caller(),
  advance_pull: caller(),
  discard_pulled: caller(),
  skip_unreadable: caller(),
  can_be_read: caller(),
  pull_page: caller(),
  has_unplaced: caller(),
  has_placed: caller(),
  kept_place: caller(),
  note_gone: caller(),
  explain_pulled: caller(),
  empty_claims: owner("daemon"),
  beat: owner("daemon"),
  daemons_without_key: owner("daemon"),
  leave: owner("daemon"),
  judge_filters: caller("daemon"),
  transform_deliveries: owner("daemon"),
  constant_headers: caller("operator", "daemon"),
  preview_transformation: owner("operator"),
  is_path: caller("operator", "daemon"),
  parse_path: caller("operator"),
  gives_list: caller("operator"),
  read_template: caller("operator"),
  is_transformation: caller("operator"),
  transforms: caller("operator"),
  plan_transformation: caller(),
  event_facts: caller(),
  unfit_payload: caller(),
  transform_event: caller(),
  transform_headers: caller(),
  explain_transformation: caller(),
  append_minutes: owner("daemon"),
  request_ms_bounds: caller("reader", "operator", "daemon", "portal"),
  delay_ms_bounds: caller("reader", "operator", "daemon"),
  percentile: caller("reader", "operator", "daemon", "portal"),
  make_partitions: owner("daemon"),
  maintain: owner("operator", "daemon"),

  // What a tenant does is decided by its token, whatever the functions of operators allow.
  create_portal_token: owner("operator"),
  portal_cancel_replay: owner("portal"),
  portal_change_endpoint: owner("portal"),
  portal_create_endpoint: owner("portal"),
  portal_delete_endpoint: owner("portal"),
  portal_deliveries: owner("portal"),
  portal_error: caller("portal"),
  portal_events: owner("portal"),
  portal_failed_attempts: owner("portal"),
  portal_pause_endpoint: owner("portal"),
  portal_reason: caller("portal"),
  portal_redeliver: owner("portal"),
  portal_replay_range: owner("portal"),
  portal_resume_endpoint: owner("portal"),
  portal_rotate_secret: owner("portal"),
  portal_attempts_searched_to: owner("portal"),
  portal_searched_to: owner("portal"),
  portal_send_test_event: owner("portal"),
  portal_subscribe: owner("portal"),
  portal_tenant: caller("portal"),
  portal_undelivered: owner("portal"),
  portal_unsubscribe: owner("portal"),
  portal_waiting: owner("portal"),
  present_portal_token: owner("portal"),
  require_portal: caller(),
  require_portal_endpoint: caller(),
  require_portal_type: caller(),
  revoke_portal_tokens: owner("operator"),

  // For the owner only: parts of other functions, and triggers, which fire without a right.
  grant_roles: caller(),
  declared_grants: caller(),
  new_attempts: caller(),
  note_discards: caller(),
  lock_hours: caller(),
  make_hour: caller(),
  rebuilt_part: caller(),
  tally: caller(),
  histogram: caller(),
  lost_attempts: caller(),
  rebuild_minutes: owner("operator"),
  add_to_hours: caller(),
  note_unmatched: caller(),
  partition_key: caller(),
  partition_bound: caller(),
  drop_minutes: caller(),
  begin_epoch: caller(),
  known_deliveries: caller(),
  record_others: caller(),
  record_first_successes: caller(),
  record_attempts: caller(),
  discard_unwanted: caller(),
  decide_first: caller(),
  disable_failing: caller(),
  disable_gone_endpoints: caller(),
  decide_leased: caller(),
  finish_claims: caller(),
  lease_deliveries: caller(),
  lease_batches: caller(),
  lease_members: caller(),
  lock_batch: caller(),
  lock_requests: caller(),
  lock_new_batches: caller(),
  batch_due: caller(),
  find_allowance: caller(),
  take_allowance: caller(),
  charge_repeats: caller(),
  rate_burst: caller("reader", "operator"),
  certificate_expiry: caller("reader", "operator", "daemon"),
  reached_limit: caller("reader", "operator"),
  present_allowance: caller("reader", "operator"),
  count_counted: caller("reader", "operator"),
  count_uncounted: caller("reader", "operator"),
  batch_id: caller(),
  is_for_batch: caller(),
  require_adoptable: caller(),
  drop_objects: caller(),
  keep_grants: caller(),
  give_kept_grants: caller(),
  install_file: caller(),
  keep_files: caller(),
  recorded_files: caller(),
  restore_records: caller(),
  refuse_emptying: caller(),
  missing_rows: owner("reader", "operator", "daemon"),
  prepare_restore: owner("operator"),

  // Called by "postrider migrate --check".
  file_objects: caller("reader", "operator", "daemon"),
  fingerprint: caller("reader", "operator", "daemon"),
  replaced_files: caller("reader", "operator", "daemon"),
  parse_filter: caller(),
  check_filter: caller(),
  ingest_lock_key: caller(),
  require_ingest_role: caller(),
  require_objective_subject: caller(),
  judge_lines: caller(),
  insert_lines: caller(),
  require_enabled_endpoint: caller(),
  require_endpoint: caller(),
  require_sendable: caller(),
  refuse_redelivery: caller(),
  due_time: caller(),
  count_replayed: caller(),
  cancel_reason: caller(),
  is_cancelled: caller("operator"),
  set_endpoint_state: caller(),
  discard_deliveries: caller(),
  discard_reason: caller(),
  is_recorded: caller(),
  begin_claim: caller(),
  read_cursor: caller(),
  take_window: caller(),
  window_events: caller(),
  route_kinds: caller(),
  discard_leftovers: caller(),
  route_page: caller(),
  find_rules: caller(),
  place_in_order: caller(),
  put_in_order: caller(),
  take_out_of_order: caller(),
  find_heads: caller(),
  next_endpoint: caller(),
  lease_ordered: caller(),
  lock_runs: caller(),
  lock_unordered: caller(),
  lock_walk: caller(),
  discard_ordered: caller(),
  halts_key: caller(),
  explain_order: caller(),
  explain_behind: caller(),
  whole_milliseconds: caller(),
  judge_page: caller(),
  fit_page: caller(),
  pair_page: caller(),
  sort_pairs: caller(),
  store_claim: caller(),
  wal_position: caller(),
  take_mixed: caller(),
  take_asides: caller(),
  cursor_behind: caller(),
  pass_empty_page: caller(),
  find_event: caller(),
  event_time: caller("operator"),
  walk_deliveries: caller("reader", "operator"),
  look_at_deliveries: caller("reader", "operator"),
  count_waiting_for: caller("reader", "operator"),
  has_passed: caller("reader", "operator"),
  small_payload: caller("operator"),
  is_thin: caller("reader", "operator"),
  find_payload: owner("daemon"),
  event_context: caller("operator"),
  claim_context: caller(),
  readable_context: caller(),
  note_action: caller(),
  audited: caller(),
  refuse_truncate: caller(),
  replay: owner("operator"),
  cancel_replay: owner("operator"),
  prepare_replay: owner("daemon"),
  note_replay_problem: owner("daemon"),
  note_replay_failure: owner(),
  end_replays: owner(),
  partition_time: caller(),
  attach_partition: caller(),
  is_needed: caller(),
  drop_days: caller(),
  delete_strays: caller(),
  delete_unused_keys: caller(),
  move_strays: caller(),
  delete_records: caller(),
  replay_end: caller(),
  replay_stretch: caller(),
  prepare_deliveries: caller(),
  withdraw_replayed: caller(),
  count_replay_failures: caller(),
  end_replay: caller(),
  outbox_inserting: caller(),
  outbox_updating: caller(),
  cancel: owner("operator"),
  rotate_secret: owner("operator"),
  explain_event: owner("operator"),
  endpoint_id: owner("reader", "operator"),
  erase_event: owner("operator"),
  erase_tenant: owner("operator"),
  erase_events: caller(),
  continue_erasure: caller(),
  blank_answers: caller(),
  without_erased: caller(),
  send_test_event: owner("operator"),
  reschedule: owner("operator"),
  skip: owner("operator"),
  delete_endpoint: owner("operator"),
  cancel_many: caller(),
  require_event: caller(),
  finish_cancellations: caller(),
  note_health: caller(),
  begin_action: caller(),
  end_action: caller(),
  end_deliveries: caller(),
  new_secret: caller(),
  lock_secret: caller(),
  lock_endpoint: caller(),
  masked_headers: caller(),
  note_change: owner(),
  endpoint_audit: owner(),
  rule_audit: owner(),
  endpoint_options: caller("operator"),

  apply_file: owner("operator"),
  apply_entry: caller(),
  apply_endpoint: caller(),
  apply_event_type: caller(),
  apply_subscriptions: caller(),
  apply_state: caller(),
  option_changes: caller(),
  signing_note: caller(),
  endpoint_defaults: caller(),
  endpoint_faults: caller(),
  ended_deliveries: caller(),
  read_options: caller(),
  readable: caller("reader", "operator", "daemon"),
  refuse_null: caller(),
  endpoint_secret_changing: owner(),
  explain_filter: caller(),
  explain_lack: caller(),
  explain_match: caller(),
  explain_format: caller(),
  explain_size: caller(),
  explain_handshake: caller(),
  left_out_attributes: caller(),
  is_claimed: caller(),
  shown_time: caller(),
  present_place: caller(),
  require_home: caller(),
  is_own: caller(),
  is_settled: caller(),
  move_sequence: caller(),
  sending_changing: caller(),
  sending_changed: owner(),
  fill_retention: owner("daemon"),
  retention_period: caller(),
  retention_changing: caller(),
  retention_changed: owner(),
  objective_audit: owner(),
  refuse_own_type: caller("publisher"),
  pointer_step: caller(),
  shown_pointer: caller(),
  is_count: caller(),
  keyword_problem: caller(),
  keyword_advice: caller(),
  refuse_schema: caller(),
  compile_schema: caller(),
  compile_reference: caller(),
  anchor_pointer: caller(),
  uri_decoded: caller(),
  type_predicate: caller(),
  predicate_for: caller(),
  equality_predicate: caller(),
  length_predicate: caller(),
  object_predicate: caller(),
  array_predicate: caller(),
  branches_predicate: caller(),
  exactly_one: caller(),
  halvings: caller(),
  conjunction: caller(),
  schema_predicate: caller(),
  shown_value: caller(),
  scalar_problem: caller(),
  is_option: caller(),
  properties_problem: caller(),
  elements_problem: caller(),
  contains_problem: caller(),
  branches_problem: caller(),
  place_within: caller(),
  is_listed: caller(),
  predicate_steps: caller(),
  payload_steps: caller(),
  payload_problem: caller(),
  refuse_payload: caller(),
  judge_payload: caller(),
  nearest: caller(),
  counted: caller(),
  nearest_event_type: caller(),
  refuse_unknown_type: caller(),
  refuse_if_unknown: caller(),
  set_unknown_types: caller(),
  set_judged_event_types: owner(),
  write_judged_event_types: owner(),
  refresh_judged_event_types: owner(),
  lock_event_types: owner(),
  event_type_changing: owner(),
  event_type_audit: owner(),
  endpoint_changing: caller(),
  endpoint_batching: caller(),
  endpoint_authorization: caller(),
  endpoint_credentials: owner(),
  endpoint_handshake_changing: caller(),
  endpoint_handshake_changed: owner(),
  take_credential: caller(),
  is_stored_credential: caller(),
  credential_hash: caller(),
  without_credential: caller(),
  endpoint_limiting: owner(),
  endpoint_inlining: owner(),
  endpoint_retry_policy: caller(),
  asked_time: caller(),
  circuit_closed: owner(),
  explain_circuit: caller(),
  insert_own_event: caller(),
  judge_probes: caller(),
  lease_probe: caller(),
  open_circuit: caller(),
  probe_due: caller(),
  is_subscribed: caller(),
  judge_failing: caller(),
  note_endpoint_event: caller(),
  note_exhausted: caller(),
  note_recoveries: caller(),
  endpoint_changed: owner(),
  endpoint_secret_changed: owner(),
  endpoint_signing_changed: owner(),
  subscription_changing: owner(),
};

let database: TestDatabase;
/** A role that is a member of none of these. */
let stranger: Login;

before(async () => {
  database = await createDatabase();
  stranger = await createLogin(database);
});

after(async () => {
  await stranger.drop();
  await database.drop();
});

describe("each object has its line in the declaration", () => {
  test("each table and view, with each of its columns", async () => {
    const found = await rowsOf<{ name: string; columns: string }>(
      database.pool,
      `select c.relname as name, string_agg(a.attname, ' ' order by a.attnum) as columns
       from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       where c.relnamespace = 'postrider'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
         and c.relname !~ '_[0-9]{8}$'
       group by c.relname`,
    );
    const sorted = (columns: string) => columns.split(" ").sort();
    assert.deepEqual(
      Object.fromEntries(found.map(({ name, columns }) => [name, sorted(columns)])),
      Object.fromEntries(Object.entries(RELATIONS).map(([name, { columns }]) => [name, sorted(columns)])),
    );
  });

  test("each function, with the rights that it acts with", async () => {
    const found = await rowsOf<{ name: string; as: string }>(
      database.pool,
      `select proname as name, case when prosecdef then 'owner' else 'caller' end as as
       from pg_proc where pronamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace)`,
    );
    assert.deepEqual(
      Object.fromEntries(found.map(({ name, as }) => [name, as])),
      Object.fromEntries(Object.entries(FUNCTIONS).map(([name, { as }]) => [name, as])),
    );
  });
});

describe("each role can do exactly what is declared with each object:", () => {
  for (const role of [...ROLES, "stranger"] as const) {
    test(role, async (t) => {
      const session = await openSession(t, database.url);
      // So that our types are written in full.
      await session.query("set search_path = pg_catalog, pg_temp");
      const name = role === "stranger" ? stranger.name : `postrider_${role}`;
      const attempts: { readonly what: string; readonly isDeclared: boolean; readonly statement: string }[] = [];
      const note = (what: string, isDeclared: boolean, statement: string) => {
        attempts.push({ what, isDeclared, statement });
      };

      for (const [relation, access] of Object.entries(RELATIONS)) {
        const isView =
          (await askFor(session, "select relkind from pg_class where oid = $1::regclass", [
            `postrider.${relation}`,
          ])) === "v";
        for (const column of access.columns.split(" ")) {
          for (const verb of isView ? (["select"] as const) : VERBS) {
            const isDeclared = role !== "stranger" && includes(access[verb]?.[role], column);
            note(`${verb} ${relation}.${column}`, isDeclared, attemptAt(verb, relation, column));
          }
        }
        if (isView) continue;
        const isDeletable = role !== "stranger" && (access.delete ?? []).includes(role);
        note(`delete ${relation}`, isDeletable, `explain delete from postrider.${relation}`);
        note(`truncate ${relation}`, false, `truncate postrider.${relation} cascade`);
      }
      for (const [fn, { by }] of Object.entries(FUNCTIONS)) {
        const isDeclared = role !== "stranger" && by.includes(role);
        note(`call ${fn}`, isDeclared, await callOf(session, fn));
      }
      for (const schema of ["postrider", "postrider_internal"]) {
        const create = `create function ${schema}.mine() returns void language sql return null`;
        note(`create in ${schema}`, false, create);
      }
      const refused = await whichAreRefused(
        session,
        name,
        attempts.map(({ statement }) => statement),
      );
      assert.equal(refused.length, attempts.length);
      assert.deepEqual(
        attempts.filter((_, index) => refused[index] === false).map(({ what }) => what),
        attempts.filter(({ isDeclared }) => isDeclared).map(({ what }) => what),
      );
    });
  }

  test("no role has anything more, such as a grant option, a trigger, a reference or a sequence", async () => {
    const rows = await rowsOf(
      database.pool,
      `select c.relname, a.grantee::regrole, a.privilege_type
       from pg_class c, aclexplode(c.relacl) a
       where c.relnamespace = 'postrider'::regnamespace and a.grantee <> c.relowner
         and (a.is_grantable or c.relkind = 'S' or c.relkind = 'v' and a.privilege_type <> 'SELECT'
           or a.privilege_type not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE'))`,
    );
    assert.deepEqual(rows, []);
  });
});

test("nothing is granted to PUBLIC or to any role but ours", async () => {
  const rows = await rowsOf(
    database.pool,
    `with access (object, owner, list) as (
       select 'schema ' || nspname, nspowner, coalesce(nspacl, acldefault('n', nspowner))
       from pg_namespace where nspname in ('postrider', 'postrider_internal')
       union all
       select 'relation ' || relname, relowner,
              coalesce(relacl, acldefault(case relkind when 'S' then 's'::"char" else 'r'::"char" end, relowner))
       from pg_class where relnamespace = 'postrider'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
       union all
       select 'column ' || relname || '.' || attname, relowner, attacl
       from pg_class join pg_attribute on attrelid = pg_class.oid
       where relnamespace = 'postrider'::regnamespace and attacl is not null
       union all
       select 'function ' || proname, proowner, coalesce(proacl, acldefault('f', proowner))
       from pg_proc where pronamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace)
       union all
       -- the types that tables bring along cannot have an access list
       select 'type ' || typname, typowner, coalesce(typacl, acldefault('T', typowner))
       from pg_type where typnamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace) and typtype in ('d', 'e', 'r')
       union all
       select 'default privileges', defaclrole, defaclacl
       from pg_default_acl where defaclnamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace))
     select object, case grantee when 0 then 'PUBLIC' else grantee::regrole::text end as grantee, privilege_type
     from access, aclexplode(list) where grantee <> owner
       and (grantee = 0 or grantee::regrole::text not in (select unnest($1::text[])))`,
    [ROLES.map((role) => `postrider_${role}`)],
  );
  assert.deepEqual(rows, []);
});

test("the roles cannot log in and have no special attributes", async () => {
  const rows = await rowsOf<{ rolname: string; plain: boolean }>(
    database.pool,
    `select rolname, not (rolcanlogin or rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls) as plain
     from pg_roles where rolname = any ($1) order by rolname`,
    [ROLES.map((role) => `postrider_${role}`)],
  );
  assert.deepEqual(
    rows,
    ROLES.map((role) => ({ rolname: `postrider_${role}`, plain: true })).sort((one, other) =>
      one.rolname < other.rolname ? -1 : 1,
    ),
  );
});

describe("grant_roles", () => {
  const granted = ROLES.map((role) => ({ role_name: `postrider_${role}`, outcome: "granted" }));
  const grantRoles = "select role_name, outcome from postrider.grant_roles()";

  test("revokes what another role has granted, and what PUBLIC was granted", async (t) => {
    const session = await openSession(t, database.url);
    await session.query(`
      begin;
      create function postrider.new_one() returns void language sql return null;
      grant select (response_body) on postrider.attempt to postrider_reader;
      grant all on postrider.delivery to public;
      grant usage on schema postrider to public`);
    assert.deepEqual(await rowsOf(session, grantRoles), granted);
    assert.deepEqual(
      await rowsOf(
        session,
        `select has_column_privilege('postrider_reader', 'postrider.attempt', 'response_body', 'select') as body,
                has_column_privilege('postrider_reader', 'postrider.attempt', 'error', 'select') as error,
                has_function_privilege($1, 'postrider.new_one()', 'execute') as function,
                has_table_privilege($1, 'postrider.delivery', 'select') as delivery,
                has_schema_privilege($1, 'postrider', 'usage') as schema`,
        [stranger.name],
      ),
      [{ body: false, error: true, function: false, delivery: false, schema: false }],
    );
    await session.query("rollback");
  });

  test("waits for a session that defines an event type, and the other way round", async (t) => {
    const [granting, defining] = [await openSession(t, database.url), await openSession(t, database.url)];
    const define = "select postrider.define_event_type('order.paid', json_schema => 'true', enforce => true)";
    for (const [first, one, second, other] of [
      [defining, define, granting, grantRoles],
      [granting, grantRoles, defining, "select postrider.drop_event_type('order.paid')"],
    ] as const) {
      await first.query("begin");
      await first.query(one);
      const pid = await pidOf(second);
      const waiting = second.query(other);
      await waitsForLock(database.pool, pid);
      await first.query("commit");
      await waiting;
    }
  });

  test("may be called by several sessions at once", async () => {
    const results = await Promise.all(Array.from({ length: 4 }, () => rowsOf(database.pool, grantRoles)));
    assert.deepEqual(results, [granted, granted, granted, granted]);
  });

  test("is refused to everyone but the owner", async (t) => {
    const session = await openSession(t, database.url);
    for (const role of ROLES) {
      assert.ok(await isRefused(session, `postrider_${role}`, grantRoles), role);
    }
  });
});

describe("a reader", () => {
  beforeEach(() => reset(database.pool));

  test("finds no payload and no secret in anything that it may read", async (t) => {
    const HIDDEN = "hidden-1f9a";
    const [endpoint] = await rowsOf<{ endpoint_id: string; secret: string }>(
      database.pool,
      "select endpoint_id, secret from postrider.create_endpoint($1, '{order.*}', '', $2)",
      [`https://receiver.test/path?token=${HIDDEN}`, JSON.stringify({ headers: { authorization: HIDDEN } })],
    );
    assert.ok(endpoint !== undefined);
    const pool = database.pool;
    await pool.query("select postrider.pause_endpoint($1, 'a test')", [endpoint.endpoint_id]);
    await pool.query("select postrider.resume_endpoint($1)", [endpoint.endpoint_id]);
    await pool.query("select postrider.subscribe($1, 'order.paid', '$.amount > 1')", [endpoint.endpoint_id]);
    const hidden = JSON.stringify({ amount: HIDDEN });
    await pool.query("select postrider.publish('order.paid', $1, idempotency_key => 'k', attributes => $2)", [
      hidden,
      hidden,
    ]);
    const daemon = randomUUID();
    await pool.query("select postrider_internal.beat($1, 'host.test', 1, '0', 60000, 0, 0)", [daemon]);
    const [first] = await claimAll(pool, { daemon });
    assert.ok(first !== undefined);
    const result = {
      ...resultOf(first, { outcome: "pending" }),
      headers: JSON.stringify({ echo: HIDDEN }),
      body: HIDDEN,
    };
    await recordResults(pool, daemon, { first: [result] });
    await insertEvent(pool, "order.shipped", { payload: JSON.stringify(HIDDEN) });
    await pool.query("insert into postrider.cancellation (event_id, endpoint_id, reason) values ($1, $2, 'a test')", [
      first.event,
      first.endpoint,
    ]);

    await pool.query(
      "insert into postrider.delivery (event_id, endpoint_id, state, finished_at) values (postrider.uuid_v7(), $1, 'exhausted', now())",
      [endpoint.endpoint_id],
    );
    await pool.query(
      "insert into postrider.transformation (event_id, endpoint_id, endpoint_revision, payload, headers) values ($1, $2, 1, $3::text::json, $3::text::jsonb)",
      [first.event, first.endpoint, hidden],
    );
    await pool.query("select postrider_internal.note_discards(array[$1::uuid], false)", [endpoint.endpoint_id]);
    await pool.query(
      "insert into postrider.unmatched_minute_part (minute, events, event_type, tenant) values (now(), 1, 'nobody.asked', '')",
    );
    await pool.query("select postrider_internal.lock_hours()");
    await pool.query("insert into postrider.endpoint_hour_part (hour, endpoint_id) values (now(), $1)", [
      endpoint.endpoint_id,
    ]);
    await pool.query("insert into postrider.endpoint_five_minutes_part (began_at, endpoint_id) values (now(), $1)", [
      endpoint.endpoint_id,
    ]);
    await pool.query("insert into postrider.daemon_hour_part (hour) values (now())");
    await pool.query(
      "insert into postrider.unmatched_hour (hour, events, event_type, tenant) values (now(), 1, 'nobody.asked', '')",
    );
    await pool.query("select postrider.set_objective()");
    await pool.query("select postrider.replay($1, now() - interval '1 hour')", [endpoint.endpoint_id]);
    await pool.query(
      "insert into postrider.replay_failure (replay_id, state) select id, 'exhausted' from postrider.replay",
    );
    await pool.query(
      "create table public.captured (id int); select postrider.capture('public.captured', 'row.changed')",
    );
    t.after(() => pool.query("drop table public.captured"));
    await pool.query("select postrider.define_event_type('order.paid', 'An order was paid.', 'true', true)");
    t.after(() => pool.query("select postrider.drop_event_type('order.paid')"));
    await pool.query(
      "select postrider_internal.open_ingest('app', '/var/log/app.json', gen_random_uuid(), false, null, 'log.line')",
    );
    await pool.query("select postrider.create_endpoint('https://consent.test/', '{}', '', $1)", [
      JSON.stringify({ handshake: true, auth: { type: "basic", username: HIDDEN, password: HIDDEN } }),
    ]);
    await pool.query("insert into postrider.erasure (tenant) values ('acme')");
    await pool.query("select postrider_internal.keep_api_request(sha256('k'), sha256('r'), 201::smallint, $1)", [
      HIDDEN,
    ]);
    const pulled = await createPullEndpoint(pool);
    const token = String(await askFor(pool, "select postrider.create_pull_token($1)", [pulled]));
    await fetchPage(pool, pulled, null);
    await pool.query("insert into postrider.endpoint_pace (endpoint_id) values ($1)", [endpoint.endpoint_id]);
    await pool.query("insert into postrider.ordered_walk (endpoint_id, after_key) values ($1, 'a')", [
      endpoint.endpoint_id,
    ]);
    await pool.query(
      "insert into postrider.delivery (event_id, endpoint_id, state, finished_at, ordering_key, ordering_seq, halts) values (gen_random_uuid(), $1, 'exhausted', now(), 'a', 1, true)",
      [endpoint.endpoint_id],
    );
    const key = String(await askFor(pool, "select postrider.create_api_key('a key', '{admin}')"));
    const link = String(await askFor(pool, "select postrider.create_api_link(id) from postrider.api_key"));
    const portalToken = String(await askFor(pool, "select token from postrider.create_portal_token('acme')"));
    const session = await openSession(t, database.url);
    await session.query("set role postrider_reader");
    const read: string[] = [];
    for (const [relation, { columns, select }] of Object.entries(RELATIONS)) {
      if (select?.reader === undefined) continue;
      const seen = select.reader === "*" ? columns : select.reader;
      const rows = await rowsOf<{ text: string }>(
        session,
        `select jsonb_build_array(${seen.replaceAll(" ", ", ")})::text as text from postrider.${relation}`,
      );
      if (rows.length > 0) read.push(relation);
      for (const { text } of rows) {
        assert.ok(!text.includes(HIDDEN), `${relation}: ${text}`);
        assert.ok(!text.includes(endpoint.secret), `${relation}: ${text}`);
        for (const shownOnce of [token, key, link, portalToken]) {
          assert.ok(!text.includes(shownOnce.slice(4)), `${relation}: ${text}`);
        }
      }
    }
    // An empty column proves nothing.
    const left = Object.keys(RELATIONS).filter(
      (name) => RELATIONS[name]?.select?.reader !== undefined && !read.includes(name),
    );
    assert.deepEqual(left, ["in_flight"]);
    const shown = "select url from postrider.backlog where endpoint_id is not null";
    assert.equal(await askFor(session, shown), "https://receiver.test/path");
  });
});

describe("an operator", () => {
  beforeEach(() => reset(database.pool));

  async function asOperator(t: Parameters<typeof openSession>[0]) {
    const login = await createLogin(database, ["postrider_operator"]);
    const session = await openSession(t, login.url);
    t.after(() => login.drop());
    return { session, name: login.name };
  }

  test("can call each function, and the audit names the login role", async (t) => {
    const { session, name } = await asOperator(t);
    const [made] = await rowsOf<{ endpoint_id: string; secret: string }>(
      session,
      "select endpoint_id, secret from postrider.create_endpoint('https://receiver.test/', '{order.*}')",
    );
    const id = made?.endpoint_id;
    assert.match(made?.secret ?? "", /^whsec_/);
    const subscription = await askFor(session, "select postrider.subscribe($1, 'order.paid', '$.amount > 1')", [id]);
    await session.query("select postrider.unsubscribe($1)", [subscription]);
    for (const step of ["pause", "resume", "disable", "enable"]) {
      await session.query(`select postrider.${step}_endpoint($1)`, [id]);
    }
    const event = await insertEvent(database.pool, "order.paid");
    const daemon = randomUUID();
    const pairs = await claimAll(database.pool, { daemon });
    await recordResults(database.pool, daemon, { first: pairs.map((pair) => resultOf(pair)) });
    await session.query("select postrider.redeliver($1, $2)", [event, id]);
    const rows = await rowsOf<{ action: string; actor: string }>(session, "select action, actor from postrider.audit");
    assert.ok(rows.length >= 8);
    assert.deepEqual(new Set(rows.map(({ actor }) => actor)), new Set([name]));
  });

  test("can edit endpoints and subscriptions by hand, and the consequences of each change follow", async (t) => {
    const { session } = await asOperator(t);
    const id = await askFor(
      session,
      "insert into postrider.endpoint (url, headers, retry_schedule) values ('https://a.test/?t=1', '{}', '{1 s}') returning id",
    );
    await session.query("insert into postrider.subscription (endpoint_id, event_type) values ($1, 'order.*')", [id]);
    await session.query("update postrider.subscription set event_type = 'order.paid', filter = '$.amount > 1'");
    await session.query("update postrider.endpoint set url = 'https://b.test/', timeout_ms = 200 where id = $1", [id]);
    await session.query("update postrider.endpoint set state = 'paused', state_reason = 'asked to' where id = $1", [
      id,
    ]);
    await database.pool.query(
      "insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at) values (gen_random_uuid(), $1, 'pending', now())",
      [id],
    );
    await session.query("delete from postrider.subscription where endpoint_id = $1", [id]);
    await session.query("delete from postrider.endpoint where id = $1", [id]);
    assert.deepEqual(await rowsOf(session, "select state, reason from postrider.delivery"), [
      { state: "discarded", reason: "the endpoint was deleted" },
    ]);
  });

  test("can delete an endpoint with its secrets and subscriptions, which it may not touch directly", async (t) => {
    const { session } = await asOperator(t);
    await session.query("select postrider.create_endpoint('https://receiver.test/')");
    await assert.rejects(session.query("delete from postrider.endpoint_secret"), { code: "42501" });
    await session.query("delete from postrider.endpoint");
    assert.deepEqual(await rowsOf(database.pool, "select id from postrider.endpoint_secret"), []);
  });
});

function includes(columns: Columns | undefined, column: string): boolean {
  return columns === "*" || (columns ?? "").split(" ").includes(column);
}

/** Postgres checks privileges before it executes; explain gets exactly that far. */
function attemptAt(verb: Verb, relation: string, column: string): string {
  switch (verb) {
    case "select":
      return `explain select ${column} from postrider.${relation}`;
    case "insert":
      return `explain insert into postrider.${relation} (${column}) values (default)`;
    case "update":
      return `explain update postrider.${relation} set ${column} = default`;
  }
}

/** Passes arguments that the planner cannot know, because it does not check a call that it can optimize away. */
async function callOf(session: Parameters<typeof rowsOf>[0], name: string): Promise<string> {
  const [row] = await rowsOf<{ schema: string; types: string[] }>(
    session,
    `select pronamespace::regnamespace::text as schema, array(select a.type::regtype::text from unnest(proargtypes) with ordinality a (type, n) order by a.n) as types
     from pg_proc where pronamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace) and proname = $1`,
    [name],
  );
  assert.ok(row !== undefined, `there is no function ${name}`);
  return `explain select ${row.schema}.${name}(${row.types.map((type) => `(select null::${type})`).join(", ")})`;
}
