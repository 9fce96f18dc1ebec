import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { pretty } from "../pretty.ts";
import { saveFile } from "../saveFile.ts";
import { Copy } from "./copy.tsx";
import { Listing } from "./listing.tsx";

/** More is not shown: a browser would take seconds to lay it out. */
const SHOWN_CHARS_MAX = 256 * 1024;
/** More has no colours: each value of it would be an element. */
const COLOURED_CHARS_MAX = 32 * 1024;

/**
 * A payload as it was stored, or with a line for each member. It is only cut into tokens and never parsed, so that each
 * number, escape and repeated key stays what it was.
 */
export function JsonText({ text }: { readonly text: string }) {
  const isRaw = useSignal(false);
  const isCut = text.length > SHOWN_CHARS_MAX;
  const shown = isCut ? text.slice(0, SHOWN_CHARS_MAX) : text;
  return (
    <div class="json">
      <p class="tools">
        <button
          type="button"
          class="quiet"
          onClick={() => {
            isRaw.value = !isRaw.value;
          }}
        >
          {isRaw.value ? "by member" : "as stored"}
        </button>
        <Copy text={text} label="Copy it as it was stored" />
        <Download text={text} />
        {isCut ? (
          <span>
            the first {SHOWN_CHARS_MAX / 1024} KiB of {Math.ceil(text.length / 1024)}
          </span>
        ) : null}
      </p>
      <Listing>{isRaw.value ? shown : prettyTokens(shown)}</Listing>
    </div>
  );
}

function Download({ text }: { readonly text: string }) {
  return (
    <button type="button" class="quiet" onClick={() => saveFile("payload.json", "application/json", text)}>
      download
    </button>
  );
}

/** Tokens with line breaks and indents between them, and each value in its colour. */
function prettyTokens(text: string): ComponentChildren {
  const written = pretty(text);
  if (text.length > COLOURED_CHARS_MAX) {
    return written.map((token) => token.text).join("");
  }
  return written.map(({ text: part, kind }, place) =>
    kind === "sign" ? (
      part
    ) : (
      <span key={place} class={kind}>
        {part}
      </span>
    ),
  );
}
