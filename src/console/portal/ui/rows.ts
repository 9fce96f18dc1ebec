/**
 * What the portal gives, as far as the page shows it. The names are the columns of its routes. What is a row of the
 * dashboard, too, is in its rows.ts.
 */

export interface Endpoint {
  readonly id: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly url: string | null;
  readonly url_is_whole: boolean | null;
  readonly format: string;
  readonly signing: string;
  readonly header_names: readonly string[];
  readonly event_types: readonly string[];
  readonly state: string;
  readonly state_reason: string | null;
  readonly state_changed_at: string;
  readonly is_failing: boolean;
  readonly failing_since: string | null;
  readonly consecutive_failures: number;
  readonly last_failure_kind: string | null;
  readonly last_http_status: number | null;
  readonly last_error: string | null;
  readonly disabled_from: string | null;
  readonly next_probe_at: string | null;
  readonly revision: number;
  readonly created_at: string;
}

export interface HourBar {
  readonly endpoint_id: string;
  readonly at: string;
  readonly succeeded: number;
  readonly failed: number;
}

export interface Waiting {
  readonly event_id: string;
  readonly event_type: string;
  readonly created_at: string;
  readonly attempts: number;
  readonly next_attempt_at: string | null;
  readonly is_in_flight: boolean;
}

export interface TenantEvent {
  readonly id: string;
  readonly event_type: string;
  readonly ordering_key: string | null;
  readonly created_at: string;
  readonly deliver_at: string | null;
  readonly erased_at: string | null;
  readonly is_test: boolean;
}

export interface ListedEvent extends TenantEvent {
  readonly deliveries: Readonly<Record<string, number>>;
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
}

export interface Undelivered {
  readonly event_id: string;
  readonly endpoint_id: string;
  readonly event_type: string;
  readonly state: string;
  readonly reason: string | null;
  readonly attempts: number;
  readonly created_at: string;
}

export interface Attempt {
  readonly id: string;
  readonly endpoint_id: string;
  readonly attempt_number: number;
  readonly started_at: string;
  readonly duration_ms: number;
  readonly http_status: number | null;
  readonly failure_kind: string | null;
  readonly error: string | null;
}

export interface FailedAttempt extends Attempt {
  readonly event_id: string;
  readonly event_type: string;
}

export interface Payload {
  readonly payload_bytes: number;
  readonly payload: string;
  readonly is_whole: boolean;
}

export interface Replay {
  readonly replay_id: string;
  readonly state: string;
  readonly since: string;
  readonly until: string;
  readonly events: number;
  readonly left_alone: number;
  readonly succeeded: number;
  readonly exhausted: number;
  readonly discarded: number;
  readonly created_at: string;
}

export interface ListedEventType {
  readonly name: string;
  readonly description: string | null;
  readonly deprecated: boolean;
  readonly has_schema: boolean;
}

export interface EventType {
  /** JSON, as it is written. */
  readonly json_schema: string | null;
}

export interface Ended {
  readonly pending: number;
  readonly is_exact: boolean;
  readonly subscriptions: number;
  readonly replays: number;
}
