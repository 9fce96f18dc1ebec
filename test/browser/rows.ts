/** All rows of a database, so that those of two can be compared in which the same was done at other moments. */
import { rowsOf, type Session } from "../support/engine.ts";

interface Row {
  /** With its table, and without what each database makes for itself: new ids, secrets and times. */
  readonly text: string;
  /** Those that it has, in their order. */
  readonly times: readonly number[];
}

export type Rows = readonly Row[];

/** Sessions of browsers, and the answers that are kept for them, are in one database alone. */
const TABLES_LEFT_OUT: ReadonlySet<string> = new Set(["api_session", "api_request"]);
/** Transactions have other numbers in another database, and a key is used in one alone. */
const COLUMNS_LEFT_OUT = "{xid,transaction_id,last_used_at}";

/** The same was done in two databases within this time. */
const APART_MS_MAX = 600_000;

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
const TIME = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d(?::?\d\d)?|Z)/g;
const SECRET = /whsec_[A-Za-z0-9+/=]+|\\\\x[0-9a-f]{64,}/g;

/** Of every table of the schema. Ids that are not among the `known` are all alike. */
export async function rowsOfAll(session: Session, known: ReadonlySet<string>): Promise<Rows> {
  const rows = (await textsOfAll(session)).map((text): Row => {
    const times = [...text.matchAll(TIME)].map(([time]) =>
      Date.parse(time.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00")),
    );
    return {
      text: text
        .replaceAll(UUID, (id) => (known.has(id) ? id : "(id)"))
        .replaceAll(TIME, "(time)")
        .replaceAll(SECRET, "(secret)"),
      times,
    };
  });
  return rows.toSorted((one, other) => compare(one.text, other.text) || compare(one.times.join(), other.times.join()));
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** The ids that there are. */
export async function idsOf(session: Session): Promise<ReadonlySet<string>> {
  return new Set((await textsOfAll(session)).flatMap((text) => text.match(UUID) ?? []));
}

async function textsOfAll(session: Session): Promise<readonly string[]> {
  const tables = await rowsOf<{ name: string }>(
    session,
    `select c.relname as name from pg_class c
     where c.relnamespace = 'postrider'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`,
  );
  const selects = tables
    .filter(({ name }) => !TABLES_LEFT_OUT.has(name))
    .map(
      ({ name }) =>
        `select '${name} ' || (to_jsonb(t) - '${COLUMNS_LEFT_OUT}'::text[])::text as text from postrider."${name}" t`,
    );
  const rows = await rowsOf<{ text: string }>(session, selects.join(" union all "));
  return rows.map(({ text }) => text);
}

/** What one has and the other lacks. */
export function differences(one: Rows, other: Rows): readonly string[] {
  const texts = (rows: Rows): readonly string[] => rows.map(({ text }) => text);
  const lacking = [...without(texts(one), texts(other)), ...without(texts(other), texts(one))];
  if (lacking.length > 0) {
    return lacking;
  }
  return one.flatMap(({ text, times }, place) => {
    const isNear = times.every((time, at) => Math.abs(time - (other[place]?.times[at] ?? 0)) <= APART_MS_MAX);
    return isNear ? [] : [`${text}: at ${times.join()} and at ${other[place]?.times.join()}`];
  });
}

/** Those of `some` that are not in `all`, as often as they are there. */
function without(some: readonly string[], all: readonly string[]): readonly string[] {
  const left = new Map<string, number>();
  for (const each of all) left.set(each, (left.get(each) ?? 0) + 1);
  return some.filter((each) => {
    const count = left.get(each) ?? 0;
    left.set(each, count - 1);
    return count <= 0;
  });
}
