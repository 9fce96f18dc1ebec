import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { change } from "../../../ui/api.ts";
import { call, urlOf } from "../../../ui/operation.ts";
import { RefusalText } from "../../../ui/parts/refusal.tsx";
import { go } from "../../../ui/route.ts";
import type { Ended, Endpoint } from "../rows.ts";
import { Act, Field, submit } from "./act.tsx";
import { ShownSecret } from "./secret.tsx";
import { SendTest } from "./test.tsx";

/** What can be done with an endpoint. */
export function EndpointActs({ endpoint }: { readonly endpoint: Endpoint }) {
  const { id, state } = endpoint;
  return (
    <div class="buttons">
      <SendTest endpointId={id} />
      {state === "active" ? <Pause id={id} /> : <Resume id={id} />}
      <Rotate id={id} />
      <Edit endpoint={endpoint} />
      <Delete id={id} />
    </div>
  );
}

interface OfEndpoint {
  readonly id: string;
}

function Pause({ id }: OfEndpoint) {
  const reason = useSignal("");
  const run = async (): Promise<null> => {
    const given = reason.value.trim();
    await submit("portal_pause_endpoint", { endpoint_id: id }, given === "" ? {} : { reason: given });
    reason.value = "";
    return null;
  };
  return (
    <Act label="Pause" operation="portal_pause_endpoint" run={run}>
      <p>Its events wait until you resume it.</p>
      <Field
        label="Reason (optional)"
        value={reason.value}
        onValue={(value) => {
          reason.value = value;
        }}
      />
    </Act>
  );
}

function Resume({ id }: OfEndpoint) {
  const run = async (): Promise<null> => {
    await submit("portal_resume_endpoint", { endpoint_id: id });
    return null;
  };
  return (
    <Act label="Resume" operation="portal_resume_endpoint" run={run}>
      <p>Events are sent to it again, those that wait first.</p>
    </Act>
  );
}

function Rotate({ id }: OfEndpoint) {
  const run = async () => {
    const { secret } = await submit<{ readonly secret: string | null }>("portal_rotate_secret", { endpoint_id: id });
    return <ShownSecret secret={secret} />;
  };
  return (
    <Act label="Rotate the secret" operation="portal_rotate_secret" run={run}>
      <p>
        A new secret is made. For 24 hours requests are signed with the old one as well, so nothing is lost meanwhile.
      </p>
    </Act>
  );
}

/** Nothing of an edit overwrites what somebody else changed meanwhile. */
function Edit({ endpoint }: { readonly endpoint: Endpoint }) {
  const { id, url, url_is_whole, revision, header_names } = endpoint;
  const name = useSignal(endpoint.name ?? "");
  const description = useSignal(endpoint.description ?? "");
  const newUrl = useSignal("");
  const header = useSignal("");
  const value = useSignal("");
  const run = async (): Promise<null> => {
    const [headerName, given] = [header.value.trim(), newUrl.value.trim()];
    await submit(
      "portal_change_endpoint",
      { endpoint_id: id },
      {
        name: name.value.trim() === "" ? null : name.value.trim(),
        description: description.value.trim() === "" ? null : description.value.trim(),
        ...(given === "" ? {} : { url: given }),
        ...(headerName === "" ? {} : { headers: { [headerName]: value.value === "" ? null : value.value } }),
      },
      { "if-match": `"${revision}"` },
    );
    newUrl.value = "";
    header.value = "";
    value.value = "";
    return null;
  };
  const set = (target: { value: string }) => (next: string) => {
    target.value = next;
  };
  return (
    <Act label="Edit" operation="portal_change_endpoint" run={run}>
      <Field label="Name" value={name.value} onValue={set(name)} />
      <Field label="Description" value={description.value} onValue={set(description)} />
      <Field
        label={`New URL (empty: it stays${url_is_whole === false ? ", with its query, which is not shown" : ""})`}
        isUrl
        value={newUrl.value}
        placeholder={url ?? ""}
        onValue={set(newUrl)}
      />
      <p class="faint">Extra headers: {header_names.length === 0 ? "none" : header_names.join(", ")}</p>
      <Field label="Header to set or remove" value={header.value} onValue={set(header)} />
      <Field label="Its value (empty: it is removed)" value={value.value} onValue={set(value)} />
    </Act>
  );
}

/** Says what it would end first. */
function Delete({ id }: OfEndpoint) {
  const run = async (): Promise<null> => {
    await submit("portal_delete_endpoint", { endpoint_id: id });
    go(["endpoints"]);
    return null;
  };
  return (
    <Act label="Delete" operation="portal_delete_endpoint" run={run}>
      <WouldEnd id={id} />
    </Act>
  );
}

function WouldEnd({ id }: OfEndpoint) {
  const ended = useSignal<Ended | null>(null);
  const error = useSignal<unknown>(null);
  useEffect(() => {
    change("DELETE", urlOf(call("portal_delete_endpoint", { endpoint_id: id, dry_run: true }))).then(
      (answer) => {
        ended.value = answer as Ended;
      },
      (thrown) => {
        error.value = thrown;
      },
    );
  }, [id]);
  if (error.value !== null) {
    return <RefusalText error={error.value} />;
  }
  if (ended.value === null) {
    return <p class="faint">counting…</p>;
  }
  const { pending, is_exact, subscriptions, replays } = ended.value;
  return (
    <p>
      It is removed for good: {pending.toLocaleString("en")}
      {is_exact ? "" : " or more"} waiting {pending === 1 ? "delivery" : "deliveries"}, {subscriptions}{" "}
      {subscriptions === 1 ? "subscription" : "subscriptions"} and {replays} {replays === 1 ? "replay" : "replays"} end.
    </p>
  );
}
