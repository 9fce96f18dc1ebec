import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask, call, has } from "../operation.ts";
import { may } from "../session.ts";
import { Copy } from "./copy.tsx";
import { Listing } from "./listing.tsx";
import { RefusalText } from "./refusal.tsx";
import { Clock } from "./time.tsx";

/** What a daemon would send now. */
interface ComposedRequest {
  readonly method: string;
  readonly url: string;
  /** Without a value: a credential, which nobody sees. */
  readonly headers: readonly { readonly name: string; readonly value: string | null }[];
  readonly body: string;
  readonly endpoint_has_changed: boolean | null;
  readonly valid_until: string | null;
  readonly shows_certificate: boolean;
  readonly curl: string | null;
}

interface RequestProps {
  readonly eventId: string;
  readonly endpointId: string;
}

const OPERATION = "read_request";

/** The request of a delivery, which is read when somebody wants to see it, and as a command to send it from elsewhere. */
export function Request({ eventId, endpointId }: RequestProps) {
  const isOpen = useSignal(false);
  return has(OPERATION) && may("operate") && may("payload") ? (
    <details
      class="attempts"
      onToggle={(event) => {
        isOpen.value = event.currentTarget.open;
      }}
    >
      <summary data-key="u">request, and curl</summary>
      {isOpen.value ? <Composed eventId={eventId} endpointId={endpointId} /> : null}
    </details>
  ) : null;
}

type Read =
  | { readonly kind: "reading" }
  | { readonly kind: "read"; readonly request: ComposedRequest }
  | { readonly kind: "refused"; readonly error: unknown };

/** It is read once, and not followed: a signature is noted in the audit. */
function Composed({ eventId, endpointId }: RequestProps) {
  const isSigned = useSignal(false);
  const read = useSignal<Read>({ kind: "reading" });
  useEffect(() => {
    const end = new AbortController();
    const asked = call(OPERATION, { event_id: eventId, endpoint_id: endpointId, signed: isSigned.value || null });
    ask<ComposedRequest>(asked, end.signal).then(
      (request) => {
        read.value = { kind: "read", request };
      },
      (error) => {
        if (!end.signal.aborted) read.value = { kind: "refused", error };
      },
    );
    return () => end.abort();
  }, [isSigned.value]);
  switch (read.value.kind) {
    case "reading":
      return <p class="faint">reading…</p>;
    case "refused":
      return <RefusalText error={read.value.error} />;
    case "read":
      return (
        <>
          <RequestText request={read.value.request} />
          {isSigned.value ? null : (
            <p class="buttons">
              <button
                type="button"
                onClick={() => {
                  isSigned.value = true;
                }}
              >
                Sign it for five minutes
              </button>
              <span class="faint">The audit notes it.</span>
            </p>
          )}
        </>
      );
  }
}

/** More of a body is not shown. */
const BODY_CHARS_MAX = 256 * 1_024;

function RequestText({ request }: { readonly request: ComposedRequest }) {
  const { method, url, headers, body, endpoint_has_changed, valid_until, shows_certificate, curl } = request;
  const lines = headers.map(({ name, value }) => `${name}: ${value ?? "(a credential)"}`);
  return (
    <>
      <p>
        As it would be sent now
        {endpoint_has_changed === true ? "; the endpoint has changed since the last attempt" : ""}
        {shows_certificate ? "; a daemon shows a client certificate with it" : ""}.{" "}
        {valid_until === null ? (
          "It is not signed."
        ) : (
          <>
            Receivers take its signature until <Clock at={valid_until} />.
          </>
        )}
      </p>
      <Listing>{[`${method} ${url}`, ...lines, "", body.slice(0, BODY_CHARS_MAX)].join("\n")}</Listing>
      {curl === null ? null : (
        <>
          <h3>curl</h3>
          <Listing>{curl}</Listing>
          <Copy text={curl} label="Copy the curl command" />
        </>
      )}
    </>
  );
}
