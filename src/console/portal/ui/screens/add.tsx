import { useSignal } from "@preact/signals";
import { useLive } from "../../../ui/live.ts";
import { call } from "../../../ui/operation.ts";
import { Heading } from "../../../ui/parts/heading.tsx";
import { RefusalText } from "../../../ui/parts/refusal.tsx";
import { SeenValue } from "../../../ui/parts/seen.tsx";
import { href } from "../../../ui/route.ts";
import type { Page } from "../../../ui/rows.ts";
import { Field, submit } from "../parts/act.tsx";
import { Schema } from "../parts/schema.tsx";
import { ShownSecret } from "../parts/secret.tsx";
import { SendTest } from "../parts/test.tsx";
import { Verify } from "../parts/verify.tsx";
import type { ListedEventType } from "../rows.ts";
import { mayCall } from "../session.ts";

interface Created {
  readonly endpoint_id: string;
  readonly secret: string | null;
}

/** From a URL to a test that arrived. */
export function AddScreen() {
  const created = useSignal<Created | null>(null);
  return (
    <>
      <Heading title="Add an endpoint" />
      {created.value === null ? (
        <AddForm
          onCreated={(next) => {
            created.value = next;
          }}
        />
      ) : (
        <Added created={created.value} />
      )}
    </>
  );
}

const ALL = "*";
const LOOK_MS = 60_000;
const LISTED_MAX = 200;

function AddForm({ onCreated }: { onCreated(created: Created): void }) {
  const url = useSignal("");
  const name = useSignal("");
  const filter = useSignal("");
  const chosen = useSignal<readonly string[]>([]);
  const isActing = useSignal(false);
  const error = useSignal<unknown>(null);
  const create = async (event: Event): Promise<void> => {
    event.preventDefault();
    isActing.value = true;
    error.value = null;
    try {
      const body = {
        url: url.value.trim(),
        event_types: chosen.value.length === 0 ? [ALL] : chosen.value,
        ...(name.value.trim() === "" ? {} : { name: name.value.trim() }),
        ...(filter.value.trim() === "" ? {} : { filter: filter.value.trim() }),
      };
      onCreated(await submit<Created>("portal_create_endpoint", {}, body));
    } catch (thrown) {
      error.value = thrown;
    } finally {
      isActing.value = false;
    }
  };
  return (
    <form onSubmit={create}>
      <Field
        label="URL of your server"
        isUrl
        isNeeded
        value={url.value}
        placeholder="https://example.com/webhooks"
        onValue={(value) => {
          url.value = value;
        }}
      />
      <Field
        label="Name (optional)"
        value={name.value}
        onValue={(value) => {
          name.value = value;
        }}
      />
      {mayCall("portal_list_event_types") ? (
        <TypeChoice
          chosen={chosen.value}
          onChosen={(next) => {
            chosen.value = next;
          }}
        />
      ) : null}
      <details>
        <summary>Only some of them</summary>
        <Field
          label="Filter over the payload"
          value={filter.value}
          placeholder="$.amount > 100"
          onValue={(value) => {
            filter.value = value;
          }}
        />
      </details>
      {error.value === null ? null : <RefusalText error={error.value} />}
      <p class="buttons">
        <a href={href(["endpoints"])}>Leave it</a>
        <button type="submit" class="main" disabled={isActing.value}>
          Add it
        </button>
      </p>
    </form>
  );
}

interface TypeChoiceProps {
  readonly chosen: readonly string[];
  onChosen(types: readonly string[]): void;
}

function TypeChoice({ chosen, onChosen }: TypeChoiceProps) {
  const page = useLive<Page<ListedEventType>>(call("portal_list_event_types", { limit: LISTED_MAX }), LOOK_MS);
  return (
    <fieldset>
      <legend>Events: all, unless you choose some</legend>
      <SeenValue of={page}>
        {({ data }) => (
          <>
            {data.length === 0 ? <p class="faint">The catalogue is empty.</p> : null}
            {data.map(({ name, description, has_schema }) => (
              <div key={name}>
                <label>
                  <input
                    type="checkbox"
                    checked={chosen.includes(name)}
                    onChange={(event) =>
                      onChosen(
                        event.currentTarget.checked ? [...chosen, name] : chosen.filter((other) => other !== name),
                      )
                    }
                  />{" "}
                  <code>{name}</code> {description}
                </label>
                {has_schema ? <Schema name={name} /> : null}
              </div>
            ))}
          </>
        )}
      </SeenValue>
    </fieldset>
  );
}

function Added({ created: { endpoint_id, secret } }: { readonly created: Created }) {
  return (
    <>
      <section>
        <h2>Secret</h2>
        <ShownSecret secret={secret} />
        <Verify />
      </section>
      <section>
        <h2>Test</h2>
        <p>Once your server knows the secret, see that it answers.</p>
        <div class="buttons">
          <SendTest endpointId={endpoint_id} />
        </div>
      </section>
      <p>
        <a href={href(["endpoints", endpoint_id])}>To the endpoint</a>
      </p>
    </>
  );
}
