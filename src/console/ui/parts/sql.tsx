import { type Call, sqlOf } from "../sqlText.ts";
import { Copy } from "./copy.tsx";
import { Listing } from "./listing.tsx";

/** The SQL beside a button or a list, ready for psql. */
export function SqlText({ of }: { readonly of: Call }) {
  const text = sqlOf(of);
  return (
    <details class="sql">
      <summary data-key="s">SQL</summary>
      <Listing>{text}</Listing>
      <Copy text={text} label="Copy the SQL" />
    </details>
  );
}
