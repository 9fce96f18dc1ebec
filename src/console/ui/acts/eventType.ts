import { CHOICES } from "../choices.ts";
import { REASON } from "../fields.ts";
import type { Act } from "../parts/act.tsx";
import { pretty } from "../pretty.ts";
import type { EventType } from "../rows.ts";

const NAME = { name: "name", sentence: "Words with dots between them, such as order.paid.", isRequired: true };

export const DEFINE: Act = {
  label: "Define an event type",
  sentence: "The catalogue documents what is published, and can refuse payloads that do not fit.",
  operation: "define_event_type",
  asks: [NAME, ...asksOf(null)],
  values: (given) => given,
};

/** The schema is sent only if it was edited: without one, the function keeps what is there. */
export function redefineAct(type: EventType): Act {
  const asks = asksOf(type);
  const schema = asks.find(({ name }) => name === "json_schema")?.initial;
  return {
    label: `Edit ${type.name}`,
    sentence: "What is enforced holds for inserts from their next statement on.",
    operation: "define_event_type",
    asks,
    values: (given, texts) => ({
      ...given,
      name: type.name,
      json_schema: texts.json_schema === schema ? undefined : given.json_schema,
    }),
  };
}

function asksOf(type: EventType | null) {
  const schema = pretty(type?.json_schema ?? "").map(({ text }) => text);
  return [
    { name: "description", initial: type?.description ?? "" },
    { name: "json_schema", label: "JSON Schema", initial: schema.join("") },
    { name: "enforce", initial: String(type?.enforce ?? false) },
    { name: "deprecated", initial: String(type?.deprecated ?? false) },
  ];
}

export function dropAct({ name }: EventType): Act {
  return {
    label: `Drop ${name}`,
    sentence:
      "It leaves the catalogue. Its events are delivered all the same, and can be inserted unless unknown types are refused.",
    operation: "drop_event_type",
    asks: [REASON],
    values: ({ reason }) => ({ name, reason }),
    agreement: name,
  };
}

export function policyAct(present: string): Act {
  return {
    label: "Change what becomes of unknown types",
    sentence: "If they are refused, an insert fails whose type is not in the catalogue, from its next statement on.",
    operation: "change_event_type_policy",
    asks: [{ name: "unknown_types", choices: CHOICES.unknown_types ?? [], initial: present, isRequired: true }],
    values: (given) => given,
  };
}
