import type { Asked } from "./asked.ts";
import type { Values } from "./sqlText.ts";

/** What a form asks for. Its type and its sentence are the operation's, unless it says otherwise. */
export interface Ask {
  /** Of the parameter. */
  readonly name: string;
  readonly label?: string;
  readonly type?: string;
  readonly sentence?: string;
  /** As it is written in the field. */
  readonly initial?: string;
  readonly isRequired?: boolean;
  /** The only values there are. */
  readonly choices?: readonly string[];
  /** The catalogue of event types completes it. */
  readonly isEventType?: boolean;
}

export interface Field extends Required<Omit<Ask, "choices">> {
  readonly choices: readonly string[] | null;
}

/** As in preferences.ts, which needs a browser. */
type Zone = "local" | "UTC";

/** What stands in the fields, by name. */
export type Texts = Readonly<Record<string, string>>;

export const REASON: Ask = { name: "reason", label: "Reason, for the audit", sentence: "", isRequired: true };

export function fieldOf(ask: Ask, type = "text", [isOptional, sentence]: Asked = [true, ""]): Field {
  return {
    ...{ label: ask.name.replaceAll("_", " "), initial: "", isRequired: !isOptional },
    ...{ choices: null, isEventType: false },
    ...ask,
    type: (ask.type ?? type).replace("?", ""),
    sentence: (ask.sentence ?? sentence).replaceAll("`", ""),
  };
}

/** What the fields say, by parameter; times are in this zone. What is empty is left out. */
export function valuesOf(fields: readonly Field[], texts: Texts, zone: Zone): Values {
  return Object.fromEntries(fields.map((field) => [field.name, readField(field, texts[field.name] ?? "", zone)]));
}

function readField({ type }: Field, text: string, zone: Zone): Values[string] {
  if (type === "boolean") {
    return text === "true";
  }
  const written = text.trim();
  if (written === "") {
    return undefined;
  }
  if (type.endsWith("[]")) {
    return listOf(written);
  }
  return type === "timestamp with time zone" ? timeOf(written, zone) : written;
}

export function listOf(text: string): readonly string[] {
  return text
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A setting of this type as JSON: numbers as they are written, and null for an empty field. */
export function settingOf(columnType: string, text: string): string {
  const type = columnType.replace("?", "");
  const written = text.trim();
  if (written === "" && (columnType.endsWith("?") || !type.endsWith("[]"))) {
    return type === "boolean" ? "false" : "null";
  }
  if (type.endsWith("[]")) {
    return JSON.stringify(listOf(written));
  }
  const isPlain = type !== "text" && type !== "interval" && isJson(written);
  return isPlain ? written : JSON.stringify(written);
}

/** A time as its field has it, in a zone. */
export function timeText(ms: number, zone: Zone): string {
  const offsetMs = zone === "UTC" ? 0 : new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - offsetMs).toISOString().slice(0, 19);
}

function timeOf(text: string, zone: Zone): string {
  const at = new Date(zone === "UTC" ? `${text}Z` : text);
  return Number.isNaN(at.getTime()) ? text : at.toISOString();
}

/** The field that a refusal is about: the first one that it names. Null: it names none. */
export function fieldNamed(fields: readonly Field[], said: string): string | null {
  const places = fields.flatMap(({ name }) => {
    const place = said.search(new RegExp(`\\b${name.replace(/s$/, "s?").replaceAll("_", "[_ ]")}\\b`));
    return place === -1 ? [] : [{ name, place }];
  });
  return places.toSorted((one, other) => one.place - other.place)[0]?.name ?? null;
}
