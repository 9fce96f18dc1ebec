import { useSignal } from "@preact/signals";
import { MISSING, onDemand } from "../onDemand.ts";
import { type Call, sqlOf } from "../sqlText.ts";
import { Copy } from "./copy.tsx";
import { Listing } from "./listing.tsx";

/** By operation. */
const statements = onDemand(async () => (await import("../statements.ts")).STATEMENTS);

/** The SQL beside a button or a list, ready for psql. */
export function SqlText({ of }: { readonly of: Call }) {
  const isOpen = useSignal(false);
  return (
    <details
      class="sql"
      onToggle={(event) => {
        isOpen.value = event.currentTarget.open;
        if (isOpen.value) statements.want();
      }}
    >
      <summary data-key="s">SQL</summary>
      {isOpen.value ? <Statement of={of} /> : null}
    </details>
  );
}

function Statement({ of }: { readonly of: Call }) {
  const statement = statements.part.value?.[of.operation.name];
  if (statement === undefined) {
    return <p>{statements.isMissing.value ? MISSING : "reading…"}</p>;
  }
  const text = sqlOf(of, statement);
  return (
    <>
      <Listing>{text}</Listing>
      <Copy text={text} label="Copy the SQL" />
    </>
  );
}
