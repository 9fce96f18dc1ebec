import { LOOK_MS, useLive } from "../live.ts";
import { call } from "../operation.ts";
import type { Change, Page } from "../rows.ts";
import { SeenValue } from "./seen.tsx";
import { Time } from "./time.tsx";

/** Who changed what of an endpoint since it was read. */
export function ChangesSince({ endpointId, since }: { readonly endpointId: string; readonly since: string }) {
  const asked = call("list_audit", { endpoint_id: endpointId, since, limit: 5 });
  const page = useLive<Page<Change>>(asked, LOOK_MS, ["after"]);
  return (
    <SeenValue of={page}>
      {({ data }) => {
        const later = data.filter(({ at }) => at > since);
        return later.length === 0 ? (
          <p>The audit names nobody: a daemon has noted something about it.</p>
        ) : (
          <ul>
            {later.map(({ id, at, actor, on_behalf_of, action, after }) => (
              <li key={id}>
                {on_behalf_of ?? actor}, <Time at={at} />: {action} <code>{after}</code>
              </li>
            ))}
          </ul>
        );
      }}
    </SeenValue>
  );
}
