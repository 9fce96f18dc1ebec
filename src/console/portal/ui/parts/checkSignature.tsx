import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { RefusalText } from "../../../ui/parts/refusal.tsx";
import { isSignedBy } from "../signature.ts";
import { Field } from "./act.tsx";

const NOTHING = { key: "", id: "", timestamp: "", signature: "", body: "" };

/** Finds out whether a request that a server refused is genuine, in the browser alone. */
export function CheckSignature() {
  const given = useSignal(NOTHING);
  const verdict = useSignal<boolean | null>(null);
  const error = useSignal<unknown>(null);
  const body = useId();
  const set = (name: keyof typeof NOTHING) => (value: string) => {
    given.value = { ...given.value, [name]: value };
    verdict.value = null;
    error.value = null;
  };
  const check = async (event: Event): Promise<void> => {
    event.preventDefault();
    const { key, id, timestamp, signature, body } = given.value;
    const request = { id: id.trim(), timestamp: timestamp.trim(), signature: signature.trim(), body };
    try {
      verdict.value = await isSignedBy(key.trim(), request);
    } catch (thrown) {
      error.value = thrown;
    }
  };
  const { key, id, timestamp, signature } = given.value;
  return (
    <details>
      <summary>Check a signature</summary>
      <form onSubmit={check}>
        <p>Your server refuses a request? Enter what it got. Nothing of this is sent anywhere.</p>
        <Field label="Secret, or public key" isNeeded value={key} placeholder="whsec_…" onValue={set("key")} />
        <Field label="webhook-id" isNeeded value={id} onValue={set("id")} />
        <Field label="webhook-timestamp" isNeeded value={timestamp} onValue={set("timestamp")} />
        <Field label="webhook-signature" isNeeded value={signature} placeholder="v1,…" onValue={set("signature")} />
        <label for={body}>Body, with each blank of it</label>
        <textarea
          id={body}
          rows={5}
          spellcheck={false}
          value={given.value.body}
          onInput={(event) => set("body")(event.currentTarget.value)}
        />
        <p class="buttons">
          <button type="submit">Check</button>
        </p>
        <div role="status">{verdict.value === null ? null : <Verdict isGenuine={verdict.value} />}</div>
        {error.value === null ? null : <RefusalText error={error.value} />}
      </form>
    </details>
  );
}

function Verdict({ isGenuine }: { readonly isGenuine: boolean }) {
  return isGenuine ? (
    <p class="good">
      <span aria-hidden="true">✔</span> It is signed with this key. Libraries refuse it all the same once it is more
      than five minutes old.
    </p>
  ) : (
    <p class="bad">
      <span aria-hidden="true">✖</span> It is not signed with this key: the secret is another one, or the body is not
      what was sent. One that was parsed and written again often differs.
    </p>
  );
}
