/** What a person searches for: `type:order.* state:exhausted since:24h $.amount > 100`. */
export interface Search {
  /** By the parameters of the API. */
  readonly values: Readonly<Record<string, string>>;
  /** A predicate over the payload: everything from the first word that begins with $ or ( on. */
  readonly filter: string | null;
  /** As they were written, each one a condition. */
  readonly words: readonly string[];
  readonly mistakes: readonly string[];
}

export interface SearchField {
  /** Of the API. */
  readonly parameter: string;
  /** What can be offered while it is typed. */
  readonly values: readonly string[];
  /** The value as the API takes it; null if it is none. */
  read?(value: string): string | null;
}

export interface SearchFields {
  readonly fields: Readonly<Record<string, SearchField>>;
  /** What a word without a field means: most people type one first. */
  readonly alone: string;
  readonly hasFilter: boolean;
}

const STATES = ["pending", "succeeded", "exhausted", "discarded"];
const AGES = ["1h", "24h", "7d", "30d"];
const TIMES = {
  since: { parameter: "since", values: AGES, read: timeOf },
  until: { parameter: "until", values: AGES, read: timeOf },
};

export const EVENT_FIELDS: SearchFields = {
  fields: {
    type: { parameter: "event_type", values: [] },
    state: { parameter: "state", values: STATES, read: statesOf },
    endpoint: { parameter: "endpoint", values: [] },
    attempts: { parameter: "attempts_min", values: [">1"], read: countOf },
    tenant: { parameter: "tenant", values: [] },
    key: { parameter: "key", values: [] },
    ...TIMES,
  },
  alone: "type",
  hasFilter: true,
};

export const ATTEMPT_FIELDS: SearchFields = {
  fields: {
    endpoint: { parameter: "endpoint", values: [] },
    status: { parameter: "http_status", values: [] },
    kind: { parameter: "failure_kind", values: [] },
    ...TIMES,
  },
  alone: "endpoint",
  hasFilter: false,
};

/** A word; its value may be in quotes. */
const WORD = /(?:[a-z]+:)?"[^"]*"?|\S+/g;

export function parseSearch(text: string, { fields, alone, hasFilter }: SearchFields): Search {
  const begins = hasFilter ? text.search(/(^|\s)[$(]/) : -1;
  const filter = begins === -1 ? null : text.slice(begins).trim();
  const words = (begins === -1 ? text : text.slice(0, begins)).match(WORD) ?? [];
  const values: Record<string, string> = {};
  const mistakes: string[] = [];
  for (const word of words) {
    const [, name = alone, written = word] = /^([a-z]+):(.*)$/s.exec(word) ?? [];
    const field = fields[name];
    const value = written.replace(/^"([^"]*)"?$/, "$1");
    const taken = field?.read === undefined ? value : field.read(value);
    if (field === undefined) {
      const known = Object.keys(fields).map((each) => `${each}:`);
      mistakes.push(`“${name}:” is not known; there are ${known.join(", ")}`);
    } else if (value !== "" && taken === null) {
      mistakes.push(`“${value}” cannot be understood as ${name}:`);
    } else if (taken !== null && value !== "") {
      values[field.parameter] = taken;
    }
  }
  return { values, filter, words, mistakes };
}

/** With commas between them. */
function statesOf(value: string): string | null {
  return value.split(",").every((state) => STATES.includes(state)) ? value : null;
}

/** At least so many: `>1`, `>=2` or `2`. */
function countOf(value: string): string | null {
  const [, sign, count] = /^(>=?)?(\d{1,4})$/.exec(value) ?? [];
  return count === undefined ? null : String(Number(count) + (sign === ">" ? 1 : 0));
}

/** An age, such as 2h, becomes a time of a whole minute: the list would otherwise be another one at each look. */
function timeOf(value: string): string | null {
  const [, count, unit = ""] = /^(\d{1,5})([smhd])$/.exec(value) ?? [];
  if (count === undefined) {
    return Number.isNaN(Date.parse(value)) ? null : value;
  }
  const agoMs = Number(count) * { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit as "s" | "m" | "h" | "d"];
  return new Date(Math.floor((Date.now() - agoMs) / 60_000) * 60_000).toISOString();
}

/** The search without one of its words, or without its filter. */
export function without({ words, filter }: Search, part: string): string {
  return [...words, ...(filter === null ? [] : [filter])].filter((each) => each !== part).join(" ");
}

/** The search with another value of a field. */
export function withWord({ words, filter }: Search, name: string, value: string): string {
  const others = words.filter((word) => !word.startsWith(`${name}:`));
  return [...others, wordOf(name, value), ...(filter === null ? [] : [filter])].join(" ");
}

/** A word with its field; in quotes if it must be. */
export function wordOf(name: string, value: string): string {
  return /\s|"/.test(value) ? `${name}:"${value.replaceAll('"', "")}"` : `${name}:${value}`;
}

/** What can be offered for the word that is being typed. */
export interface Typed {
  /** Everything before it. */
  readonly before: string;
  /** The field, if its value is being typed; null for the field itself. */
  readonly name: string | null;
  readonly begun: string;
}

/** Null: nothing can be offered, as in a filter. */
export function typedWord(text: string, { fields, hasFilter }: SearchFields): Typed | null {
  if (hasFilter && /(^|\s)[$(]/.test(text)) {
    return null;
  }
  const [, before = "", word = ""] = /^(.*?)(\S*)$/s.exec(text) ?? [];
  const [, name, begun = ""] = /^([a-z]+):"?(.*)$/s.exec(word) ?? [];
  if (name === undefined) {
    return { before, name: null, begun: word };
  }
  return name in fields ? { before, name, begun } : null;
}

const OFFERED_MAX = 12;

/** Whole texts of the field, with the word completed. `known`: values that were seen, by field. */
export function completions(
  text: string,
  search: SearchFields,
  known: Readonly<Record<string, readonly string[]>>,
): readonly string[] {
  const typed = typedWord(text, search);
  if (typed === null) {
    return [];
  }
  const { before, name, begun } = typed;
  const offered =
    name === null
      ? Object.keys(search.fields).map((each) => `${each}:`)
      : [...new Set([...(search.fields[name]?.values ?? []), ...(known[name] ?? [])])].map((each) =>
          wordOf(name, each),
        );
  const word = name === null ? begun : `${name}:${begun}`;
  return offered
    .filter((each) => each !== word && each.toLowerCase().startsWith(word.toLowerCase()))
    .slice(0, OFFERED_MAX)
    .map((each) => `${before}${each}`);
}
