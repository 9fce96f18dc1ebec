/** What the API gives, as far as the page shows it. The names are the columns of the operations (src/console/routes). */

export interface Page<Row> {
  readonly data: readonly Row[];
  /** What continues behind the last row; null if nothing does. */
  readonly next: string | null;
  /** How far back a search looked that found fewer rows than were asked for; its `next` goes on from there. */
  readonly searched_to?: string | null;
}

export interface Rows<Row> {
  readonly data: readonly Row[];
}

export interface Status {
  readonly at: string;
  readonly database: string;
  readonly server_version: string;
  readonly sending_is_on: boolean;
  readonly sending_reason: string | null;
  readonly sending_changed_at: string;
  readonly sending_changed_by: string;
  readonly copy_problem: string | null;
  readonly live_daemons: number;
  readonly delivers: boolean;
  readonly pending: number;
  readonly due: number;
  readonly unclaimed: number;
  readonly oldest_at: string | null;
  /** False if more waits than was counted. */
  readonly is_exact: boolean;
  readonly failing_endpoints: number;
}

export interface Daemon {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly state: string;
  readonly condition: string;
  readonly condition_since: string | null;
  readonly condition_reason: string | null;
  readonly started_at: string;
  readonly beat_at: string;
  readonly in_flight: number;
  readonly waiting: number;
}

export interface BacklogRow {
  readonly endpoint_id: string | null;
  readonly tenant: string | null;
  readonly name: string | null;
  readonly url: string | null;
  readonly pending: number;
  readonly due: number;
  readonly oldest_at: string | null;
  readonly is_exact: boolean;
}

export interface OneEvent {
  readonly id: string;
  readonly event_type: string;
  readonly tenant: string;
  readonly ordering_key: string | null;
  readonly idempotency_key: string | null;
  readonly created_at: string;
  readonly deliver_at: string | null;
  readonly erased_at: string | null;
  readonly is_test: boolean;
}

export interface ListedEvent extends OneEvent {
  /** How many are in each state. */
  readonly deliveries: Readonly<Record<string, number>> | null;
  readonly attempts: number;
  readonly next_attempt_at: string | null;
  /** The endpoint that most needs a look, and what its last attempt got. */
  readonly last_endpoint_id: string | null;
  readonly last_endpoint_name: string | null;
  readonly last_http_status: number | null;
  readonly last_failure_kind: string | null;
}

export interface Payload {
  readonly payload_bytes: number;
  readonly payload: string;
  readonly is_whole: boolean;
  /** JSON, as it is written. */
  readonly attributes: string | null;
}

export interface Explained {
  readonly endpoint_id: string | null;
  readonly name: string | null;
  readonly url: string | null;
  readonly endpoint_state: string | null;
  readonly outcome: string;
  readonly explanation: string;
  readonly would_match_now: boolean;
  readonly now_explanation: string;
}

export interface Delivery {
  readonly endpoint_id: string;
  readonly name: string | null;
  readonly url: string | null;
  readonly state: string;
  readonly detail: string;
  readonly reason: string | null;
  readonly attempts: number;
  readonly last_http_status: number | null;
  readonly last_error: string | null;
  readonly next_attempt_at: string | null;
  readonly created_at: string;
  readonly finished_at: string | null;
  readonly replay_id: string | null;
  readonly halts_key: boolean;
}

export interface Attempt {
  readonly endpoint_id: string;
  readonly id: string;
  readonly attempt_number: number;
  readonly started_at: string;
  readonly duration_ms: number;
  readonly http_status: number | null;
  readonly failure_kind: string | null;
  readonly error: string | null;
  readonly requests: number;
  readonly daemon_id: string;
  readonly batch_id: string | null;
  readonly endpoint_has_changed: boolean | null;
}

export interface FailedAttempt extends Pick<Attempt, "id" | "attempt_number" | "started_at" | "duration_ms"> {
  readonly event_id: string;
  readonly endpoint_id: string;
  readonly name: string | null;
  readonly event_type: string | null;
  readonly http_status: number | null;
  readonly failure_kind: string | null;
  readonly error: string | null;
}

/** Why there may be no such event. */
export interface Absence {
  readonly is_there: boolean;
  readonly made_at: string | null;
  readonly retention: string;
  readonly is_past_retention: boolean;
  readonly is_from_future: boolean;
  readonly open_transactions: number;
}

export interface Answered {
  readonly id: string;
  readonly response_headers: Readonly<Record<string, unknown>> | null;
  readonly response_body: string | null;
}

export interface ListedEndpoint {
  readonly id: string;
  readonly tenant: string;
  readonly name: string | null;
  readonly url: string | null;
  readonly kind: string;
  readonly format: string;
  readonly state: string;
  readonly state_reason: string | null;
  readonly consecutive_failures: number;
  readonly failing_since: string | null;
  readonly last_failure_kind: string | null;
  readonly last_http_status: number | null;
  readonly last_error: string | null;
  readonly circuit_opened_at: string | null;
}

export type Endpoint = Readonly<Record<string, unknown>> &
  Pick<ListedEndpoint, "id" | "tenant" | "name" | "url" | "kind" | "format" | "state" | "state_reason"> & {
    readonly description: string | null;
    readonly revision: number;
    readonly state_changed_at: string;
    readonly updated_at: string;
  };

export interface Health {
  readonly is_failing: boolean;
  readonly failing_since: string | null;
  readonly consecutive_failures: number;
  readonly last_failure_at: string | null;
  readonly last_failure_kind: string | null;
  readonly last_http_status: number | null;
  readonly last_error: string | null;
  readonly recovered_at: string | null;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly disabled_from: string | null;
  readonly circuit: string;
  readonly next_probe_at: string | null;
  readonly halted_keys: number;
  readonly pending: number;
  readonly due: number;
  readonly oldest_at: string | null;
  readonly is_exact: boolean;
  readonly exhausted: number | null;
  readonly discarded: number | null;
}

export interface Subscription {
  readonly id: string;
  readonly event_type: string;
  readonly filter: string | null;
  readonly created_at: string;
}

export interface Secret {
  readonly id: string;
  readonly kind: string;
  readonly public_key: string | null;
  readonly created_at: string;
  readonly expires_at: string | null;
}

export interface AuditRow {
  readonly id: string;
  readonly at: string;
  readonly actor: string;
  readonly on_behalf_of: string | null;
  readonly action: string;
  readonly endpoint_id: string | null;
  readonly endpoint_name: string | null;
  readonly event_id: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface Change extends AuditRow {
  /** JSON, as it is written. */
  readonly before: string | null;
  readonly after: string | null;
}

export interface InFlight {
  readonly event_id: string;
  readonly endpoint_id: string;
  readonly name: string | null;
  readonly url: string | null;
  readonly attempt_number: number;
  readonly daemon_id: string | null;
  /** Null for a leased delivery. */
  readonly since: string | null;
}

export interface Replay {
  readonly replay_id: string;
  readonly endpoint_id: string;
  readonly name: string | null;
  readonly url: string | null;
  readonly state: string;
  readonly reason: string | null;
  readonly since: string;
  readonly until: string;
  readonly event_type: string;
  readonly states: readonly string[];
  readonly events: number;
  readonly prepared: number;
  readonly left_alone: number;
  readonly pending: number;
  readonly succeeded: number;
  readonly exhausted: number;
  readonly discarded: number;
  readonly created_at: string;
  readonly finished_at: string | null;
  readonly requested_by: string;
}

export interface ListedEventType {
  readonly name: string;
  readonly description: string | null;
  readonly enforce: boolean;
  readonly deprecated: boolean;
  readonly has_schema: boolean;
  readonly updated_at: string;
}

export interface EventType {
  readonly name: string;
  readonly description: string | null;
  /** JSON, as it is written. */
  readonly json_schema: string | null;
  readonly enforce: boolean;
  readonly deprecated: boolean;
}

export interface EventTypePolicy {
  readonly unknown_types: string;
}

/** Events of a tenant and a type that no endpoint got. */
export interface Unmatched {
  readonly tenant: string;
  readonly event_type: string;
  readonly events: number;
  readonly last_seen_at: string;
}

/** An event that a filter was tried on. */
export interface Tried {
  readonly id: string;
  readonly event_type: string;
  readonly created_at: string;
  /** Null: the filter gave no answer. */
  readonly matches: boolean | null;
}

export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly created_at: string;
  readonly created_by: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
}

/** Everything is null in a bar in which no daemon lived. */
export interface ChartBar {
  readonly at: string;
  readonly succeeded_first: number | null;
  readonly succeeded_later: number | null;
  readonly failed: number | null;
  /** By status or kind. */
  readonly failures: Readonly<Record<string, number>> | null;
}

export interface LatencyBar {
  readonly at: string;
  readonly request_ms: readonly number[] | null;
  readonly delay_ms: readonly number[] | null;
  readonly request_p50_ms: number | null;
  readonly request_p95_ms: number | null;
  readonly request_p50_within_ms: number | null;
  readonly request_p95_within_ms: number | null;
  readonly delay_p50_ms: number | null;
  readonly delay_p99_ms: number | null;
  readonly delay_p50_within_ms: number | null;
  readonly delay_p99_within_ms: number | null;
}

export interface Objective {
  readonly target: number;
  readonly within: string;
  readonly in_time: number | null;
  readonly budget_left: number | null;
  readonly overdue: number;
  readonly is_exact: boolean;
  readonly left_out: number;
  readonly burn_1h: number | null;
  readonly is_burning: boolean;
}

export interface Figures {
  readonly claimed_per_minute: number;
  readonly delivered_per_minute: number;
  readonly exhausted: number;
  readonly unmatched: number;
}

export interface BusyEndpoint {
  readonly endpoint_id: string;
  readonly name: string | null;
  readonly url: string | null;
  readonly succeeded: number;
  readonly failed: number;
  /** By the minute's Unix time. */
  readonly requests_per_minute: Readonly<Record<string, number>>;
}
