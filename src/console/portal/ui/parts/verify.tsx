import { signal, useSignal } from "@preact/signals";
import { Copy } from "../../../ui/parts/copy.tsx";
import { Listing } from "../../../ui/parts/listing.tsx";

/** By language; null until somebody has looked at one. */
const recipes = signal<Readonly<Record<string, string>> | null>(null);
const isMissing = signal(false);

async function load(): Promise<void> {
  try {
    recipes.value = (await import("../recipes.ts")).RECIPES;
  } catch {
    // It is gone once another version is served.
    isMissing.value = true;
  }
}

/** How a server finds out that a request is genuine. */
export function Verify() {
  const isOpen = useSignal(false);
  return (
    <details
      onToggle={(event) => {
        isOpen.value = event.currentTarget.open;
        if (isOpen.value && recipes.value === null) void load();
      }}
    >
      <summary>Verify requests</summary>
      <p>
        Requests are signed by{" "}
        <a href="https://www.standardwebhooks.com" target="_blank" rel="noreferrer">
          Standard Webhooks
        </a>
        , whose libraries verify them as well as this code. Give your server the secret as <code>WEBHOOK_SECRET</code>.
        A request may come twice: remember its <code>webhook-id</code>.
      </p>
      {isOpen.value ? <Recipes /> : null}
    </details>
  );
}

function Recipes() {
  return recipes.value === null ? (
    <p>{isMissing.value ? "The code could not be read: open this page again." : "reading…"}</p>
  ) : (
    <Choice texts={recipes.value} />
  );
}

function Choice({ texts }: { readonly texts: Readonly<Record<string, string>> }) {
  const names = Object.keys(texts);
  const chosen = useSignal(names[0] ?? "");
  const text = texts[chosen.value] ?? "";
  return (
    <>
      <p class="tools">
        {names.map((name) => (
          <button
            key={name}
            type="button"
            class="quiet"
            aria-pressed={name === chosen.value}
            onClick={() => {
              chosen.value = name;
            }}
          >
            {name}
          </button>
        ))}
        <Copy text={text} label="Copy the code" />
      </p>
      <Listing>{text}</Listing>
    </>
  );
}
