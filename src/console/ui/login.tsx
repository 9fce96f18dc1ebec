import { useSignal } from "@preact/signals";
import { Heading } from "./parts/heading.tsx";
import { Listing } from "./parts/listing.tsx";
import { RefusalText } from "./parts/refusal.tsx";
import { logIn } from "./session.ts";

const CREATE = "select postrider.create_api_key('ops', '{read}');";

export function Login({ error }: { readonly error: unknown }) {
  const key = useSignal("");
  const submit = (event: Event): void => {
    event.preventDefault();
    void logIn({ key: key.value.trim() });
  };
  return (
    <main class="login">
      <Heading title="Log in" />
      <form onSubmit={submit}>
        <p>
          <label for="key">A key of the API</label>
          <input
            id="key"
            type="password"
            autoComplete="current-password"
            required
            value={key.value}
            onInput={(event) => {
              key.value = event.currentTarget.value;
            }}
          />
        </p>
        {error === null ? null : <RefusalText error={error} />}
        <p class="buttons">
          <button type="submit" class="main">
            Log in
          </button>
        </p>
      </form>
      <p>This makes a key that sees everything but payloads; it is shown once:</p>
      <Listing>{CREATE}</Listing>
    </main>
  );
}
