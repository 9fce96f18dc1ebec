import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask, type Call } from "../operation.ts";
import { href, route } from "../route.ts";
import type { Page } from "../rows.ts";
import { parseSearch, type SearchFields, without, withWord } from "../search.ts";

/** How many are counted. */
const COUNTED = 50;
/** Further back than this, a list looks only if it is told to. */
const FURTHER = "30d";

interface Without {
  /** The condition that was left out; null: the time was widened. */
  readonly part: string | null;
  readonly text: string;
  readonly found: number;
}

interface NoMatchProps {
  readonly text: string;
  readonly fields: SearchFields;
  /** What is asked for a search; null if it cannot be. */
  asked(text: string): Call | null;
}

/** Nothing was found: what would be found without each condition. The one that leaves out most comes first. */
export function NoMatch({ text, fields, asked }: NoMatchProps) {
  const found = useSignal<readonly Without[]>([]);
  useEffect(() => {
    const end = new AbortController();
    found.value = [];
    void Promise.all(variantsOf(text, fields).map((each) => countOf(each, asked, end.signal))).then((counted) => {
      if (!end.signal.aborted) found.value = counted.toSorted((one, other) => other.found - one.found);
    });
    return () => end.abort();
  }, [text]);
  const helpful = found.value.filter((each) => each.found > 0);
  return (
    <>
      <p>Nothing matches.</p>
      <ul>
        {helpful.map(({ part, text: other, found: count }) => (
          <li key={other}>
            <a href={href(route.value.path, { q: other })}>
              {part === null ? `In the last ${FURTHER}` : `Without ${part}`}
            </a>
            : {count >= COUNTED ? `${COUNTED} or more` : count}
          </li>
        ))}
      </ul>
    </>
  );
}

function variantsOf(text: string, fields: SearchFields): readonly Omit<Without, "found">[] {
  const search = parseSearch(text, fields);
  const parts = [...search.words, ...(search.filter === null ? [] : [search.filter])];
  const fewer = parts.map((part) => ({ part, text: without(search, part) }));
  return "since" in search.values ? fewer : [...fewer, { part: null, text: withWord(search, "since", FURTHER) }];
}

/** What cannot be counted helps nobody. */
async function countOf(
  variant: Omit<Without, "found">,
  asked: NoMatchProps["asked"],
  signal: AbortSignal,
): Promise<Without> {
  const call = asked(variant.text);
  try {
    const page =
      call === null ? null : await ask<Page<unknown>>({ ...call, values: { ...call.values, limit: COUNTED } }, signal);
    return { ...variant, found: page?.data.length ?? 0 };
  } catch {
    return { ...variant, found: 0 };
  }
}
