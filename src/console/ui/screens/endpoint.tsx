import {
  deleteAct,
  disableAct,
  enableAct,
  nameOf,
  pauseAct,
  replayAct,
  resumeAct,
  rotateAct,
  settingAct,
  settingText,
  subscribeAct,
  testAct,
  unsubscribeAct,
} from "../acts/endpoint.tsx";
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
import { OPERATIONS } from "../table.ts";

interface OfEndpoint {
  readonly endpoint: Endpoint;
}

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
          <Charts endpoint={id} />
          <Subscriptions endpoint={value} />
          <Secrets endpoint={value} />
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
        There is no endpoint <code>{id}</code>. It may have been deleted:{" "}
        <a href={href(["audit"], { endpoint: id })}>the audit</a> says by whom.
      </p>
    </>
  );
}

function Head({ endpoint }: OfEndpoint) {
  const { id, url, tenant, state, state_reason, state_changed_at, description } = endpoint;
  const read = call("read_endpoint_health", { endpoint_id: id });
  const health = useLive<Health>(read);
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
        {actsOf(endpoint, health.value.value).map(({ act, shortcut }) => (
          <ActButton key={act.label} act={act} {...(shortcut === undefined ? {} : { shortcut })} />
        ))}
        <a href={href(["audit"], { endpoint: id })}>History</a>
        <a href={href(["replays"], { endpoint: id })}>Replays</a>
      </p>
      <section>
        <h2>Health</h2>
        <SeenValue of={health}>
          {(value) => (
            <>
              <HealthFacts endpointId={id} health={value} />
              {state === "disabled" ? null : (
                <p class="buttons">
                  <ActButton act={replayAct(endpoint, value)} />
                </p>
              )}
            </>
          )}
        </SeenValue>
        <SqlText of={read} />
        <ObjectiveFacts endpoint={id} />
      </section>
    </>
  );
}

interface Offered {
  readonly act: Act;
  readonly shortcut?: string;
}

function actsOf(endpoint: Endpoint, health: Health | null): readonly Offered[] {
  const disable = { act: disableAct(endpoint, health) };
  const remove = { act: deleteAct(endpoint) };
  const test = { act: testAct(endpoint) };
  switch (endpoint.state) {
    case "disabled":
      return [{ act: enableAct(endpoint) }, remove];
    case "paused":
      return [{ act: resumeAct(endpoint), shortcut: "p" }, test, disable, remove];
    default:
      return [{ act: pauseAct(endpoint), shortcut: "p" }, test, disable, remove];
  }
}

interface HealthFactsProps {
  readonly endpointId: string;
  readonly health: Health;
}

function HealthFacts({ endpointId, health }: HealthFactsProps) {
  const { is_failing, failing_since, consecutive_failures, last_error, disabled_from, circuit, next_probe_at } = health;
  const { p50_ms, p95_ms, pending, due, oldest_at, is_exact, exhausted, discarded, halted_keys, recovered_at } = health;
  const plus = is_exact ? "" : "+";
  const linkOf = (state: string): string => href(["events"], { q: `endpoint:${endpointId} state:${state} since:30d` });
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
        <Fact name="exhausted">
          <a href={linkOf("exhausted")}>{exhausted ?? 0}</a>
        </Fact>
        <Fact name="discarded">
          <a href={linkOf("discarded")}>{discarded ?? 0}</a>
        </Fact>
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

function Subscriptions({ endpoint }: OfEndpoint) {
  const read = call("list_subscriptions", { endpoint_id: endpoint.id });
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
              { head: "do", cell: (row) => <ActButton act={unsubscribeAct(row)} short="unsubscribe" /> },
            ]}
          />
        )}
      </SeenValue>
      <p class="buttons">
        <ActButton act={subscribeAct(endpoint)} />
      </p>
      <SqlText of={read} />
    </section>
  );
}

function Secrets({ endpoint }: OfEndpoint) {
  const read = call("list_secrets", { endpoint_id: endpoint.id });
  const secrets = useLive<Rows<Secret>>(read);
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
        <ActButton act={rotateAct(endpoint)} />
      </p>
      <SqlText of={read} />
    </section>
  );
}

/** What is shown elsewhere, and is no setting. */
const SHOWN: ReadonlySet<string> = new Set(["id", "tenant", "state", "state_reason", "state_changed_at"]);

/** Each setting with the button that changes it, and what only Postrider sets. */
function Settings({ endpoint }: OfEndpoint) {
  const settings = Object.keys(OPERATIONS.change_endpoint?.asks ?? {});
  const others = Object.keys(endpoint).filter((name) => !SHOWN.has(name) && !settings.includes(name));
  return (
    <section>
      <h2>Settings</h2>
      <dl class="facts">
        {[...settings, ...others].map((name) => (
          <Fact key={name} name={name}>
            {name in endpoint ? settingText(endpoint[name]) || "none" : <span class="faint">not shown</span>}{" "}
            {settings.includes(name) ? <ActButton act={settingAct(endpoint, name)} short="edit" /> : null}
          </Fact>
        ))}
      </dl>
    </section>
  );
}
