import { signal, useSignal } from "@preact/signals";
import { type Call, sqlOf } from "../sqlText.ts";
import { Copy } from "./copy.tsx";
import { Listing } from "./listing.tsx";

/** By operation; null until somebody has looked at one. */
const statements = signal<Readonly<Record<string, string>> | null>(null);
const isMissing = signal(false);

async function load(): Promise<void> {
  try {
    statements.value = (await import("../statements.ts")).STATEMENTS;
  } catch {
    // It is gone once another version is served.
    isMissing.value = true;
  }
}

/** The SQL beside a button or a list, ready for psql. */
export function SqlText({ of }: { readonly of: Call }) {
  const isOpen = useSignal(false);
  return (
    <details
      class="sql"
      onToggle={(event) => {
        isOpen.value = event.currentTarget.open;
        if (isOpen.value && statements.value === null) void load();
      }}
    >
      <summary data-key="s">SQL</summary>
      {isOpen.value ? <Statement of={of} /> : null}
    </details>
  );
}

function Statement({ of }: { readonly of: Call }) {
  const statement = statements.value?.[of.operation.name];
  if (statement === undefined) {
    return <p>{isMissing.value ? "It could not be read: load this page anew." : "reading…"}</p>;
  }
  const text = sqlOf(of, statement);
  return (
    <>
      <Listing>{text}</Listing>
      <Copy text={text} label="Copy the SQL" />
    </>
  );
}
