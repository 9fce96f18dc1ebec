import { useLive } from "../live.ts";
import { call } from "../operation.ts";
import type { Absence } from "../rows.ts";
import { isUuid } from "../uuid.ts";
import { Heading } from "./heading.tsx";
import { SeenValue } from "./seen.tsx";
import { SqlText } from "./sql.tsx";
import { Clock } from "./time.tsx";

/** Why there is no event with this id, as far as anybody can tell. It appears here once it is committed. */
export function NoEvent({ id }: { readonly id: string }) {
  return (
    <>
      <Heading title="No such event" />
      <p>
        There is no event <code>{id}</code>.
      </p>
      {isUuid(id) ? <WhyNot id={id} /> : <p>An event's id is a UUID; receivers see it as webhook-id.</p>}
    </>
  );
}

function WhyNot({ id }: { readonly id: string }) {
  const read = call("explain_absence", { event_id: id });
  const absence = useLive<Absence>(read);
  return (
    <>
      <SeenValue of={absence}>
        {(value) => (
          <>
            {value.made_at === null ? null : (
              <p>
                Its id is from <Clock at={value.made_at} />.
              </p>
            )}
            <p>{reasonOf(value)}</p>
          </>
        )}
      </SeenValue>
      <SqlText of={read} />
    </>
  );
}

function reasonOf({
  is_there,
  made_at,
  is_past_retention,
  is_from_future,
  retention,
  open_transactions,
}: Absence): string {
  if (is_there) return "It has just been committed.";
  if (made_at === null) return "It is no UUID of version 7, so it was not made by this outbox.";
  if (is_from_future) return "That is in the future, so it was not made here.";
  if (is_past_retention) return `Events are kept for ${retention}, so it may have been deleted with its day.`;
  return open_transactions === 0
    ? "Its transaction was rolled back, or it was inserted in another database: no transaction is open that could still insert it."
    : `Its transaction was rolled back or is not committed yet: ${openText(open_transactions)} open that may insert it. This page looks for it every two seconds.`;
}

function openText(count: number): string {
  return count === 1 ? "1 transaction is" : `${count} transactions are`;
}
