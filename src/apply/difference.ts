import { counted } from "../ground/counted.ts";
import { printable } from "../ground/printable.ts";

/** What a file changes, as Postgres told it. */
export interface Change {
  /** Of the entry of the file that the change belongs to. */
  readonly entry: string;
  /** "endpoint billing of acme". */
  readonly subject: string;
  /** An option, "subscription" or "state"; null for the whole. */
  readonly part: string | null;
  /** Undefined: there was nothing. */
  readonly before?: unknown;
  readonly after?: unknown;
  readonly note: string | null;
}

export type Outcome = "created" | "changed" | "deleted";

interface Thing {
  readonly subject: string;
  readonly outcome: Outcome;
  readonly changes: readonly Change[];
}

/** The changes of each thing, in the order of the file. */
function thingsOf(changes: readonly Change[]): readonly Thing[] {
  const groups = [...Map.groupBy(changes, ({ entry }) => entry).values()];
  return groups.map((group) => {
    const whole = group.find(
      ({ part, before, after }) => part === null && (before === undefined) !== (after === undefined),
    );
    const outcome = whole === undefined ? "changed" : whole.before === undefined ? "created" : "deleted";
    return { subject: group[0]?.subject ?? "", outcome, changes: group };
  });
}

const SIGNS: Readonly<Record<Outcome, string>> = { created: "+", changed: "~", deleted: "-" };

/** For a person: a line for each thing that changes, and one for each part of it. */
export function differenceText(changes: readonly Change[]): string {
  const lines = thingsOf(changes).flatMap(({ subject, outcome, changes: parts }) => {
    const shown = outcome === "created" ? parts.map(({ before: _, ...part }) => part) : parts;
    return [`${SIGNS[outcome]} ${subject}`, ...shown.flatMap(linesOf).map((line) => `    ${line}`)];
  });
  return lines.map((line) => `${line}\n`).join("");
}

/** `2 created, 1 deleted`. */
export function countsText(changes: readonly Change[]): string {
  const outcomes = thingsOf(changes).map(({ outcome }) => outcome);
  return (["created", "changed", "deleted"] as const)
    .map((word) => [outcomes.filter((outcome) => outcome === word).length, word] as const)
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`)
    .join(", ");
}

function linesOf(change: Change): readonly string[] {
  const { part, before, after, note } = change;
  const notes = note === null ? [] : [`! ${printable(note)}`];
  if (part === null) {
    const isSwitch = before !== undefined && after !== undefined;
    return [...(isSwitch ? [`~ ${shown(before)} → ${shown(after)}`] : []), ...notes];
  }
  if (part === "subscription") {
    return [before === undefined ? `+ subscription ${rule(after)}` : `- subscription ${rule(before)}`, ...notes];
  }
  const found = leavesOf(part, before, after);
  // Numbers that differ only in digits that a number of JavaScript does not hold.
  const leaves = found.length === 0 ? [`~ ${part}`] : found;
  const further = leaves.length - LEAVES_MAX;
  return [...leaves.slice(0, LEAVES_MAX), ...(further > 0 ? [`  and ${counted(further, "more line")}`] : []), ...notes];
}

/** Of one option. A schema may have hundreds. */
const LEAVES_MAX = 20;

/** Where two values differ: members of objects one by one. */
function leavesOf(name: string, before: unknown, after: unknown): readonly string[] {
  if (isObject(before) && isObject(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => leavesOf(`${name}.${printable(key)}`, own(before, key), own(after, key)));
  }
  if (before === undefined) {
    return [`+ ${name}: ${shown(after)}`];
  }
  if (after === undefined) {
    return [`- ${name}: ${shown(before)}`];
  }
  const [old, present] = [JSON.stringify(before), JSON.stringify(after)];
  return old === present ? [] : [`~ ${name}: ${shown(before)} → ${shown(after)}`];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function own(object: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

const VALUE_CHARS_MAX = 200;

function shown(value: unknown): string {
  const text = printable(typeof value === "string" && value !== "" ? value : JSON.stringify(value));
  return text.length > VALUE_CHARS_MAX ? `${text.slice(0, VALUE_CHARS_MAX)}… (${text.length} characters)` : text;
}

function rule(value: unknown): string {
  const { event_type, filter } = isObject(value) ? value : {};
  return `${shown(event_type)}${filter === undefined ? "" : ` where ${shown(filter)}`}`;
}
