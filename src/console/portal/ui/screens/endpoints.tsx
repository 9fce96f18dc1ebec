import { useLive } from "../../../ui/live.ts";
import { call } from "../../../ui/operation.ts";
import { Heading } from "../../../ui/parts/heading.tsx";
import { More } from "../../../ui/parts/more.tsx";
import { SeenValue } from "../../../ui/parts/seen.tsx";
import { href, route } from "../../../ui/route.ts";
import type { Page, Rows } from "../../../ui/rows.ts";
import { Sparkline } from "../parts/sparkline.tsx";
import { Standing } from "../parts/standing.tsx";
import type { Endpoint, HourBar } from "../rows.ts";
import { mayCall } from "../session.ts";

const CHART_LOOK_MS = 30_000;

export function Endpoints() {
  return (
    <>
      <Heading title="Endpoints">
        {mayCall("portal_create_endpoint") ? <a href={href(["add"])}>Add an endpoint</a> : null}
      </Heading>
      {mayCall("portal_list_endpoints") ? <List /> : <p>This visit does not allow to see endpoints.</p>}
    </>
  );
}

function List() {
  const page = useLive<Page<Endpoint>>(
    call("portal_list_endpoints", { after: route.value.query.get("after") ?? null }),
  );
  const chart = useLive<Rows<HourBar>>(call("portal_read_chart"), CHART_LOOK_MS);
  return (
    <SeenValue of={page}>
      {({ data, next }) =>
        data.length === 0 ? (
          <div class="empty">
            <p>There is no endpoint yet: an address of your server that events are sent to.</p>
          </div>
        ) : (
          <>
            <ul class="endpoints">
              {data.map((endpoint) => (
                <li key={endpoint.id}>
                  <h2>
                    <a href={href(["endpoints", endpoint.id])}>{nameOf(endpoint)}</a>
                  </h2>
                  {endpoint.name === null ? null : (
                    <p class="faint">
                      <code>{endpoint.url}</code>
                    </p>
                  )}
                  <Standing endpoint={endpoint} />
                  <SeenValue of={chart}>
                    {(bars) => <Sparkline bars={bars.data.filter((bar) => bar.endpoint_id === endpoint.id)} />}
                  </SeenValue>
                </li>
              ))}
            </ul>
            <More next={next} />
          </>
        )
      }
    </SeenValue>
  );
}

export function nameOf({ id, name, url }: Pick<Endpoint, "id" | "name" | "url">): string {
  return name ?? url ?? id;
}
