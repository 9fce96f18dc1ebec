import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { searchOn } from "../many.ts";
import type { Call } from "../operation.ts";
import { href, replace, route } from "../route.ts";
import type { Page } from "../rows.ts";
import { exactTime } from "./time.tsx";

interface EndsProps {
  readonly asked: Call | null;
  readonly page: Page<unknown>;
  readonly isLater: boolean;
}

/** How far back it looked, and what goes on from there. */
export function Ends({ asked, page: { data, next, searched_to }, isLater }: EndsProps) {
  const { path, query } = route.value;
  const kept = Object.fromEntries(query);
  const isEmpty = data.length === 0 && next !== null;
  return (
    <p class="ends">
      {searched_to === null || searched_to === undefined ? null : (
        <span>Searched back to {exactTime(searched_to)}. </span>
      )}
      {isLater ? (
        <a href={href(path, { ...kept, after: null })} data-key="[">
          newest
        </a>
      ) : null}
      {next === null || isEmpty ? null : (
        <a href={href(path, { ...kept, after: next })} data-key="]">
          older
        </a>
      )}
      {isEmpty && asked !== null ? <GoOn asked={asked} from={next} /> : null}
    </p>
  );
}

/** Looks further back, until something is found or nothing is left. */
function GoOn({ asked, from }: { readonly asked: Call; readonly from: string }) {
  const back = useSignal<string | null>(null);
  const end = useRef<AbortController | null>(null);
  useEffect(() => () => end.current?.abort(), []);
  const look = async (): Promise<void> => {
    const { path, query } = route.value;
    end.current = new AbortController();
    back.value = "";
    const onLooked = (to: string | null): void => {
      back.value = to;
    };
    try {
      const after = await searchOn(asked, from, onLooked, end.current.signal);
      replace(path, { ...Object.fromEntries(query), after });
    } catch {
      // The list shows what is wrong at its next look.
      back.value = null;
    }
  };
  return back.value === null ? (
    <button type="button" data-key="]" onClick={look}>
      Go on
    </button>
  ) : (
    <span role="status">
      looking… {back.value === "" ? "" : exactTime(back.value)}{" "}
      <button type="button" class="quiet" onClick={() => end.current?.abort()}>
        stop
      </button>
    </span>
  );
}
