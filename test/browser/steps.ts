/** Every button of the dashboard that changes something: where it stands, and what is written into its form. */
import type { Locator } from "playwright-core";

export interface Step {
  /** Of the API. */
  readonly operation: string;
  /** Behind `#/`, with the names of ids in capitals. */
  readonly place: string;
  readonly button: string;
  /** A part of the row or the lane in which it stands, if there are several. */
  readonly within?: string;
  /** The row whose details have it. */
  readonly opens?: string;
  fill?(dialog: Locator): Promise<unknown>;
  /** What it says once it has counted; it counts when it is asked to. */
  readonly counts?: RegExp;
  /** What it shows of the answer; without that, its dialog closes. */
  readonly shows?: RegExp;
}

/** What ends a literal of SQL, or a script, if it is not escaped. */
const HOSTILE = `it's \\ "$1" </script> %s`;

const withReason = (dialog: Locator) => dialog.getByLabel("Reason").fill(HOSTILE);

/** A setting of each type, with a value that is not the default. */
export const SETTINGS: Readonly<Record<string, string>> = {
  description: HOSTILE,
  url: "https://receiver.test/other?token=1",
  format: "cloudevents",
  ordered: "true",
  timeout_ms: "700",
  max_in_flight: "4",
  rate_limit: "2.5",
  retry_schedule: "5 s, 1 min",
  retry_on: "429, 5xx",
  give_up_on: "400, 404",
  headers: `{"x-note": ${JSON.stringify('it\'s \\ "$1"')}}`,
  auth: '{"type": "basic", "username": "shop", "password": "s3cret"}',
  disable_after: "",
};

const SETTING_STEPS = Object.entries(SETTINGS).map(
  ([name, value]): Step => ({
    operation: "change_endpoint",
    place: "endpoints/BILLING",
    button: `Edit ${name}`,
    fill: (dialog) => write(dialog.getByLabel(name, { exact: true }), value),
  }),
);

async function write(field: Locator, value: string): Promise<unknown> {
  const kind = await field.evaluate((element) => `${element.tagName} ${element.getAttribute("type")}`);
  if (kind.startsWith("SELECT")) return field.selectOption(value);
  return kind.endsWith("checkbox") ? field.setChecked(value === "true") : field.fill(value);
}

export const STEPS: readonly Step[] = [
  {
    ...{ operation: "create_endpoint", place: "endpoints", button: "Create an endpoint", shows: /^whsec_/ },
    fill: async (dialog) => {
      await dialog.getByLabel("name", { exact: true }).fill(HOSTILE);
      await dialog.getByLabel("URL").fill("https://receiver.test/made?a=1");
      await dialog.getByLabel("event types").fill("order.*, cart.filled");
      await dialog.getByLabel("tenant").fill("acme");
    },
  },
  ...SETTING_STEPS,
  { operation: "pause_endpoint", place: "endpoints/BILLING", button: "Pause", fill: withReason },
  { operation: "resume_endpoint", place: "endpoints/BILLING", button: "Resume" },
  {
    ...{ operation: "send_test_event", place: "endpoints/BILLING", button: "Send a test", shows: /has yet to send it/ },
    fill: (dialog) => dialog.getByLabel("payload").fill(`{"a": [1.5, ${JSON.stringify(HOSTILE)}]}`),
  },
  { operation: "rotate_secret", place: "endpoints/BILLING", button: "Rotate the secret", shows: /^whsec_/ },
  {
    ...{ operation: "subscribe", place: "endpoints/BILLING", button: "Subscribe" },
    fill: async (dialog) => {
      await dialog.getByLabel("event type").fill("cart.*");
      await dialog.getByLabel("filter").fill(`$.note == "it's" && $.amount > 100`);
    },
  },
  { operation: "unsubscribe", place: "endpoints/GONE", button: "Unsubscribe from never.*", fill: withReason },
  {
    ...{ operation: "replay", place: "endpoints/BILLING", button: "Replay a range" },
    ...{ counts: /1 event would be sent/, shows: /of 1: 0 succeeded/ },
    fill: (dialog) => dialog.getByLabel("unmatched").uncheck(),
  },
  { operation: "cancel_replay", place: "replays", within: "ledger", button: "Cancel the replay", fill: withReason },
  { operation: "skip", place: "events/PAID", within: "ledger", button: "Skip", fill: withReason },
  {
    ...{ operation: "redeliver_deliveries", place: "events?q=type%3Aorder.sent+state%3Aexhausted" },
    ...{ button: "Redeliver all that match", shows: /Done: 1 of 1/ },
    fill: (dialog) => dialog.getByText(/One further attempt, at once, of those deliveries of 1 event/).waitFor(),
  },
  { operation: "redeliver", place: "events/SENT", within: "billing", button: "Redeliver" },
  { operation: "cancel", place: "events/PAID", within: "billing", button: "Cancel", fill: withReason },
  { operation: "redeliver_event", place: "events/PAID", button: "Redeliver everywhere" },
  { operation: "cancel_deliveries", place: "events/PAID", button: "Cancel everywhere", fill: withReason },
  {
    ...{ operation: "reschedule", place: "events/LATER", button: "Reschedule" },
    fill: (dialog) => dialog.getByLabel(/^at/).fill(new Date(Date.now() + 86_400_000).toISOString().slice(0, 19)),
  },
  {
    ...{ operation: "erase_event", place: "events/SENT", button: "Erase" },
    fill: async (dialog) => {
      await withReason(dialog);
      await dialog.getByLabel("Type order.sent to agree").fill("order.sent");
    },
  },
  {
    ...{ operation: "publish_events", place: "events", button: "Insert an event", shows: /It was inserted/ },
    fill: (dialog) =>
      dialog
        .getByLabel("event")
        .fill(
          `[{"event_type": "order.paid",  "payload": {"n": 12345678901234567890.10, "t": ${JSON.stringify(HOSTILE)}}}]`,
        ),
  },
  { operation: "disable_endpoint", place: "endpoints/LEDGER", button: "Disable", fill: withReason },
  { operation: "enable_endpoint", place: "endpoints/LEDGER", button: "Enable" },
  {
    ...{ operation: "delete_endpoint", place: "endpoints/GONE", button: "Delete" },
    fill: async (dialog) => {
      await withReason(dialog);
      await dialog.getByText("This ends 0 deliveries that wait").waitFor();
      await dialog.getByLabel("Type gone to agree").fill("gone");
    },
  },
  { operation: "switch_sending", place: "overview", button: "Stop all sending", fill: withReason },
  { operation: "switch_sending", place: "overview", button: "Send again" },
  {
    ...{ operation: "define_event_type", place: "types", button: "Define an event type" },
    fill: async (dialog) => {
      await dialog.getByLabel("name").fill("cart.filled");
      await dialog.getByLabel("description").fill(HOSTILE);
      await dialog.getByLabel("JSON Schema").fill('{"type": "object", "required": ["items"]}');
      await dialog.getByLabel("enforce").check();
    },
  },
  {
    ...{ operation: "define_event_type", place: "types", opens: "order.paid", button: "Edit order.paid" },
    fill: (dialog) => dialog.getByLabel("deprecated").check(),
  },
  {
    ...{ operation: "drop_event_type", place: "types", opens: "order.old", button: "Drop order.old" },
    fill: async (dialog) => {
      await withReason(dialog);
      await dialog.getByLabel("Type order.old to agree").fill("order.old");
    },
  },
  {
    ...{ operation: "change_event_type_policy", place: "types", button: "Change what becomes of unknown types" },
    fill: (dialog) => dialog.getByLabel("unknown types").selectOption("refused"),
  },
  {
    ...{ operation: "create_key", place: "keys", button: "Make a key", shows: /^prk_/ },
    fill: async (dialog) => {
      await dialog.getByLabel("name").fill("made by a button");
      await dialog.getByLabel("payload").check();
      await dialog.getByLabel(/^expires at/).fill("2030-01-01T00:00:00");
    },
  },
  { operation: "revoke_key", place: "keys", button: "Revoke old", fill: withReason },
  {
    ...{ operation: "create_portal_token", place: "keys", button: "Make a portal token", shows: /^prp_/ },
    fill: async (dialog) => {
      await dialog.getByLabel("tenant").fill("acme");
      await dialog.getByLabel("capabilities").fill("endpoints:read, test");
      await dialog.getByLabel("ttl").fill("5 min");
      await dialog.getByLabel("subject").fill(HOSTILE);
    },
  },
  {
    ...{ operation: "revoke_portal_tokens", place: "keys", button: "Revoke portal tokens", shows: /Revoked: 1/ },
    fill: async (dialog) => {
      await dialog.getByLabel("tenant").fill("acme");
      await withReason(dialog);
    },
  },
];
