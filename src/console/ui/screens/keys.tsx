import { REASON } from "../fields.ts";
import { useLive } from "../live.ts";
import { call } from "../operation.ts";
import { type Act, ActButton, ShownOnce } from "../parts/act.tsx";
import { Heading } from "../parts/heading.tsx";
import { More } from "../parts/more.tsx";
import { SeenValue } from "../parts/seen.tsx";
import { SqlText } from "../parts/sql.tsx";
import { Table } from "../parts/table.tsx";
import { Time } from "../parts/time.tsx";
import { route } from "../route.ts";
import type { ApiKey, Page } from "../rows.ts";
import { SCOPES } from "../table.ts";

const CREATE: Act = {
  label: "Make a key",
  sentence: "Whoever has it may do what its scopes say, until it expires or is revoked.",
  operation: "create_key",
  asks: [{ name: "name" }, { name: "scopes", choices: SCOPES, initial: "read" }, { name: "expires_at" }],
  values: (given) => given,
  result: ({ key }) => <ShownOnce text={String(key)} sentence="This is the key; only a hash of it is kept." />,
};

const MINT: Act = {
  label: "Make a portal token",
  sentence: "It shows the portal of a tenant to whoever has it. The host's program makes them; this one is for a look.",
  operation: "create_portal_token",
  asks: [{ name: "tenant" }, { name: "capabilities" }, { name: "ttl" }, { name: "subject" }],
  values: (given) => given,
  result: ({ token }) => <ShownOnce text={String(token)} sentence="This is the token; only a hash of it is kept." />,
};

const END: Act = {
  label: "Revoke portal tokens",
  sentence: "Whoever has a token of this tenant is refused from now on.",
  operation: "revoke_portal_tokens",
  asks: [{ name: "tenant" }, { name: "subject" }, REASON],
  values: (given) => given,
  result: ({ revoked }) => <p>Revoked: {String(revoked)}.</p>,
};

export function Keys() {
  const { query } = route.value;
  const asked = call("list_keys", { after: query.get("after") ?? null });
  const page = useLive<Page<ApiKey>>(asked);
  return (
    <>
      <Heading title="Keys">
        <p class="buttons">
          {[CREATE, MINT, END].map((act) => (
            <ActButton key={act.label} act={act} />
          ))}
        </p>
      </Heading>
      <SeenValue of={page}>
        {({ data, next }) => (
          <>
            <KeyTable keys={data} />
            <More next={next} />
          </>
        )}
      </SeenValue>
      <SqlText of={asked} />
    </>
  );
}

function KeyTable({ keys }: { readonly keys: readonly ApiKey[] }) {
  return (
    <Table
      label="Keys of the API, the newest first"
      rows={keys}
      keyOf={({ id }) => id}
      empty={<p>There is no key.</p>}
      columns={[
        { head: "name", cell: ({ name }) => name },
        { head: "scopes", cell: ({ scopes }) => scopes.join(", ") },
        { head: "made", cell: ({ created_at, created_by }) => <Made at={created_at} by={created_by} /> },
        { head: "last used", cell: ({ last_used_at }) => <Time at={last_used_at} /> },
        { head: "expires", cell: ({ expires_at }) => <Time at={expires_at} /> },
        { head: "do", cell: (key) => <ActButton act={revokeAct(key)} short="revoke" /> },
      ]}
    />
  );
}

function Made({ at, by }: { readonly at: string; readonly by: string }) {
  return (
    <span>
      <Time at={at} /> by {by}
    </span>
  );
}

function revokeAct({ id, name, last_used_at }: ApiKey): Act {
  const used = last_used_at === null ? "It was never used." : "It has been in use.";
  return {
    label: `Revoke ${name}`,
    sentence: `Whatever asks with it is refused from now on, and the sessions that it opened end. ${used}`,
    operation: "revoke_key",
    asks: [REASON],
    values: ({ reason }) => ({ key_id: id, reason }),
  };
}
