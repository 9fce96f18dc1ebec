import { useSignal } from "@preact/signals";
import { MISSING, onDemand } from "../../../ui/onDemand.ts";
import { Copy } from "../../../ui/parts/copy.tsx";
import { Listing } from "../../../ui/parts/listing.tsx";
import { CheckSignature } from "./checkSignature.tsx";

/** By language. */
const recipes = onDemand(async () => (await import("../recipes.ts")).RECIPES);

/** How a server finds out that a request is genuine. */
export function Verify() {
  const isOpen = useSignal(false);
  return (
    <>
      <details
        onToggle={(event) => {
          isOpen.value = event.currentTarget.open;
          if (isOpen.value) recipes.want();
        }}
      >
        <summary>Verify requests</summary>
        <p>
          Requests are signed by{" "}
          <a href="https://www.standardwebhooks.com" target="_blank" rel="noreferrer">
            Standard Webhooks
          </a>
          , whose libraries verify them as well as this code. Give your server the secret as <code>WEBHOOK_SECRET</code>
          . A request may come twice: remember its <code>webhook-id</code>.
        </p>
        {isOpen.value ? <Recipes /> : null}
      </details>
      <CheckSignature />
    </>
  );
}

function Recipes() {
  const texts = recipes.part.value;
  return texts === null ? <p>{recipes.isMissing.value ? MISSING : "reading…"}</p> : <Choice texts={texts} />;
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
