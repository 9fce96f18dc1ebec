import { useLive } from "../live.ts";
import { call } from "../operation.ts";
import { type Act, ActButton } from "../parts/act.tsx";
import { Charts, ObjectiveFacts } from "../parts/charts.tsx";
import { Copy } from "../parts/copy.tsx";
import { Fact, Heading } from "../parts/heading.tsx";
import { SeenValue } from "../parts/seen.tsx";
import { SqlText } from "../parts/sql.tsx";
import { State } from "../parts/state.tsx";
import { Table } from "../parts/table.tsx";
import { Clock, Time } from "../parts/time.tsx";
import { href } from "../route.ts";
import type { Endpoint, Health, Rows, Secret, Subscription } from "../rows.ts";

export function EndpointScreen({ id }: { readonly id: string }) {
  const read = call("read_endpoint", { endpoint_id: id });
  const endpoint = useLive<Endpoint>(read);
  return (
    <SeenValue
      of={endpoint}
      refused={({ problem: { status } }) => (status === 404 || status === 422 ? <NoEndpoint id={id} /> : null)}
    >
      {(value) => (
        <>
          <Head endpoint={value} />
          <HealthSection id={id} />
          <Charts endpoint={id} />
          <Subscriptions id={id} />
          <Secrets id={id} name={nameOf(value)} />
          <Settings endpoint={value} />
          <SqlText of={read} />
        </>
      )}
    </SeenValue>
  );
}

function NoEndpoint({ id }: { readonly id: string }) {
  return (
    <>
      <Heading title="No such endpoint" />
      <p>
        There is no endpoint <code>{id}</code>. It may have been deleted: the table <code>postrider.audit</code> says by
        whom.
      </p>
    </>
  );
}

function nameOf({ name, url, id }: Endpoint): string {
  return name ?? url ?? id;
}

function Head({ endpoint }: { readonly endpoint: Endpoint }) {
  const { id, url, tenant, state, state_reason, state_changed_at, description } = endpoint;
  return (
    <>
      <Heading title={nameOf(endpoint)}>
        <p class="tools">
          <code>{id}</code>
          <Copy text={id} label="Copy the id" shortcut="y" />
        </p>
      </Heading>
      {description === null ? null : <p>{description}</p>}
      <dl class="facts">
        <Fact name="state">
          <State word={state} /> {state_reason} <Time at={state_changed_at} />
        </Fact>
        {url === null ? null : <Fact name="URL">{url}</Fact>}
        {tenant === "" ? null : <Fact name="tenant">{tenant}</Fact>}
      </dl>
      <p class="buttons">
        {actsOf(endpoint).map(({ act, shortcut }) => (
          <ActButton key={act.label} act={act} {...(shortcut === undefined ? {} : { shortcut })} />
        ))}
        <a href={href(["audit"], { endpoint: id })}>History</a>
        <a href={href(["replays"], { endpoint: id })}>Replays</a>
      </p>
    </>
  );
}

interface Offered {
  readonly act: Act;
  readonly shortcut?: string;
}

function actsOf(endpoint: Endpoint): readonly Offered[] {
  const { id, state } = endpoint;
  const name = nameOf(endpoint);
  const onIt = { values: () => ({ endpoint_id: id }) };
  const withReason = { asksReason: true, values: (reason: string) => ({ endpoint_id: id, reason }) };
  const pause = {
    label: "Pause",
    sentence: `Events go on being routed to ${name}, and wait until it is resumed. Nothing is lost.`,
    operation: "pause_endpoint",
    ...withReason,
  };
  const resume = {
    label: "Resume",
    sentence: `What waits for ${name} is sent.`,
    operation: "resume_endpoint",
    ...onIt,
  };
  const disable = {
    label: "Disable",
    sentence: `${name} gets no new deliveries, and what waits for it is discarded. It can be replayed later.`,
    operation: "disable_endpoint",
    ...withReason,
  };
  const enable = {
    label: "Enable",
    sentence: `${name} gets new events again, from now on.`,
    operation: "enable_endpoint",
    ...onIt,
  };
  const test = {
    label: "Send a test",
    sentence: `An event of the type postrider.test goes to ${name} alone.`,
    operation: "send_test_event",
    ...onIt,
    result: (answer: unknown) => testText(answer),
  };
  switch (state) {
    case "disabled":
      return [{ act: enable }];
    case "paused":
      return [{ act: resume, shortcut: "p" }, { act: disable }, { act: test }];
    default:
      return [{ act: pause, shortcut: "p" }, { act: disable }, { act: test }];
  }
}

function testText(answer: unknown): string {
  const id = memberOf(answer, "event_id");
  return id === null ? "It was inserted." : `It was inserted as event ${id}.`;
}

function memberOf(answer: unknown, name: string): string | null {
  const value =
    typeof answer === "object" && answer !== null ? (answer as Readonly<Record<string, unknown>>)[name] : null;
  return typeof value === "string" ? value : null;
}

function HealthSection({ id }: { readonly id: string }) {
  const read = call("read_endpoint_health", { endpoint_id: id });
  const health = useLive<Health>(read);
  return (
    <section>
      <h2>Health</h2>
      <SeenValue of={health}>{(value) => <HealthFacts health={value} />}</SeenValue>
      <SqlText of={read} />
      <ObjectiveFacts endpoint={id} />
    </section>
  );
}

function HealthFacts({ health }: { readonly health: Health }) {
  const { is_failing, failing_since, consecutive_failures, last_error, disabled_from, circuit, next_probe_at } = health;
  const { p50_ms, p95_ms, pending, due, oldest_at, is_exact, exhausted, discarded, halted_keys, recovered_at } = health;
  const plus = is_exact ? "" : "+";
  return (
    <>
      {is_failing ? (
        <p class="verdict bad">
          <span aria-hidden="true">▲</span> It fails: {consecutive_failures} in a row since <Time at={failing_since} />,
          the last one: {last_error}.{" "}
          {disabled_from === null ? (
            ""
          ) : (
            <>
              It is disabled <Time at={disabled_from} /> unless it recovers.
            </>
          )}
        </p>
      ) : (
        <p class="verdict good">
          <span aria-hidden="true">✔</span> Its last attempt succeeded, or it has had none.
        </p>
      )}
      <dl class="facts">
        <Fact name="circuit">
          {circuit}{" "}
          {next_probe_at === null ? (
            ""
          ) : (
            <>
              , the next probe <Time at={next_probe_at} />
            </>
          )}
        </Fact>
        <Fact name="half of its answers within">{p50_ms === null ? "none this hour" : `${p50_ms} ms`}</Fact>
        <Fact name="95 of 100 within">{p95_ms === null ? "none this hour" : `${p95_ms} ms`}</Fact>
        <Fact name="waiting">{`${pending}${plus}`}</Fact>
        <Fact name="due">{`${due}${plus}`}</Fact>
        <Fact name="the oldest">{oldest_at === null ? "none" : <Time at={oldest_at} />}</Fact>
        <Fact name="exhausted">{exhausted ?? 0}</Fact>
        <Fact name="discarded">{discarded ?? 0}</Fact>
        {halted_keys > 0 ? <Fact name="halted keys">{halted_keys}</Fact> : null}
        {recovered_at === null ? null : (
          <Fact name="recovered">
            <Time at={recovered_at} />
          </Fact>
        )}
      </dl>
    </>
  );
}

function Subscriptions({ id }: { readonly id: string }) {
  const read = call("list_subscriptions", { endpoint_id: id });
  const subscriptions = useLive<Rows<Subscription>>(read);
  return (
    <section>
      <h2>Subscriptions</h2>
      <SeenValue of={subscriptions}>
        {({ data }) => (
          <Table
            label="Subscriptions"
            rows={data}
            keyOf={(row) => row.id}
            empty={<p>It has none, so it gets no events.</p>}
            columns={[
              { head: "type", cell: ({ event_type }) => event_type },
              {
                head: "filter",
                cell: ({ filter }) =>
                  filter === null ? <span class="faint">every payload</span> : <code>{filter}</code>,
              },
              { head: "since", cell: ({ created_at }) => <Clock at={created_at} /> },
            ]}
          />
        )}
      </SeenValue>
      <SqlText of={read} />
    </section>
  );
}

function Secrets({ id, name }: { readonly id: string; readonly name: string }) {
  const read = call("list_secrets", { endpoint_id: id });
  const secrets = useLive<Rows<Secret>>(read);
  const rotate: Act = {
    label: "Rotate the secret",
    sentence: `${name} gets a new secret, which is shown once. The present one signs beside it for 24 hours.`,
    operation: "rotate_secret",
    values: () => ({ endpoint_id: id }),
    result: (answer) => memberOf(answer, "secret") ?? "A daemon makes the new key.",
  };
  return (
    <section>
      <h2>Secrets</h2>
      <SeenValue of={secrets}>
        {({ data }) => (
          <Table
            label="Secrets"
            rows={data}
            keyOf={(row) => row.id}
            empty={<p>It has none.</p>}
            columns={[
              { head: "kind", cell: ({ kind }) => kind },
              { head: "public key", cell: ({ public_key }) => (public_key === null ? "" : <code>{public_key}</code>) },
              { head: "made", cell: ({ created_at }) => <Clock at={created_at} /> },
              { head: "signs until", cell: ({ expires_at }) => <Time at={expires_at} /> },
            ]}
          />
        )}
      </SeenValue>
      <p class="buttons">
        <ActButton act={rotate} />
      </p>
      <SqlText of={read} />
    </section>
  );
}

/** What is shown elsewhere. */
const SHOWN: ReadonlySet<string> = new Set([
  "id",
  "tenant",
  "name",
  "url",
  "description",
  "state",
  "state_reason",
  "state_changed_at",
]);

function Settings({ endpoint }: { readonly endpoint: Endpoint }) {
  return (
    <section>
      <h2>Settings</h2>
      <dl class="facts">
        {Object.entries(endpoint)
          .filter(([name]) => !SHOWN.has(name))
          .map(([name, value]) => (
            <Fact key={name} name={name}>
              {settingText(value)}
            </Fact>
          ))}
      </dl>
    </section>
  );
}

function settingText(value: unknown): string {
  if (value === null) return "none";
  if (Array.isArray(value)) return value.join(", ") || "none";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
