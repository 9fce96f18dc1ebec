import { useComputed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { attemptBars, attemptsOf, causesOf, delayBars, type LinkOf, requestBars } from "../chartBars.ts";
import { useLive } from "../live.ts";
import { call } from "../operation.ts";
import { href, route } from "../route.ts";
import type { ChartBar, LatencyBar, Objective, Rows } from "../rows.ts";
import { Chart } from "./chart.tsx";
import { Fact } from "./heading.tsx";
import { SeenValue } from "./seen.tsx";
import { SqlText } from "./sql.tsx";
import { durationText, exactTime, nowMs } from "./time.tsx";

const MINUTE_MS = 60_000;

/** How long back, and how long a bar of that is, as the API makes them. */
const RANGES: Readonly<Record<string, readonly [rangeMs: number, stepMs: number]>> = {
  "1h": [60 * MINUTE_MS, MINUTE_MS],
  "24h": [1_440 * MINUTE_MS, 5 * MINUTE_MS],
  "7d": [10_080 * MINUTE_MS, 60 * MINUTE_MS],
  "30d": [43_200 * MINUTE_MS, 360 * MINUTE_MS],
};
const HOUR = "1h";
/** What they are made of changes once a minute. */
const LOOK_MS = 15_000;

/** Attempts, how late deliveries arrived, and how long requests took: over all, or of an endpoint. */
export function Charts({ endpoint }: { readonly endpoint?: string }) {
  const range = route.value.query.get("range") ?? HOUR;
  const [rangeMs, stepMs] = RANGES[range] ?? [60 * MINUTE_MS, MINUTE_MS];
  // A whole step, or each look would be at another chart.
  const beginMs = useComputed(() => Math.floor(nowMs.value / MINUTE_MS) * MINUTE_MS).value - rangeMs + MINUTE_MS;
  const asked = { endpoint_id: endpoint, since: new Date(Math.floor(beginMs / stepMs) * stepMs).toISOString() };
  const [chart, latency] = [call("read_chart", asked), call("read_latency", asked)];
  const bars = useLive<Rows<ChartBar>>(chart, LOOK_MS);
  const delays = useLive<Rows<LatencyBar>>(latency, LOOK_MS);
  const linkOf: LinkOf = (at, isFailed) => {
    const until = new Date(Date.parse(at) + stepMs).toISOString();
    const words = [...(endpoint === undefined ? [] : [`endpoint:${endpoint}`]), `since:${at}`, `until:${until}`];
    return href([isFailed ? "attempts" : "events"], { q: words.join(" ") });
  };
  return (
    <section>
      <h2>Charts</h2>
      <Ranges present={range} />
      <SeenValue of={bars}>
        {({ data }) => (
          <Figure title="Attempts" legend={<AttemptLegend rows={data} />}>
            <Chart label="Attempts" bars={attemptBars(data, textOf, linkOf)} />
            {data.every((row) => row.succeeded_first === null) ? <NothingYet /> : null}
          </Figure>
        )}
      </SeenValue>
      <SqlText of={chart} />
      <SeenValue of={delays}>
        {({ data }) => (
          <>
            <Figure
              title="From due to delivered"
              legend="▇ half within this, ▒ 99 of 100, by the logarithm up to 3 days"
            >
              <Chart label="From due to delivered" bars={delayBars(data, textOf, linkOf)} />
            </Figure>
            <Figure
              title="Requests"
              legend="from 1 ms at the bottom to 2 min at the top: the more requests, the darker"
            >
              <Chart label="How long requests took" bars={requestBars(data, textOf, linkOf)} />
            </Figure>
          </>
        )}
      </SeenValue>
      <SqlText of={latency} />
    </section>
  );
}

function NothingYet() {
  return (
    <p>
      Nothing is counted yet: a daemon counts a minute once it is over, this one in{" "}
      {durationText(MINUTE_MS - (nowMs.value % MINUTE_MS))}.
    </p>
  );
}

function textOf(at: string): string {
  return exactTime(at).slice(0, 16);
}

function Ranges({ present }: { readonly present: string }) {
  const { path, query } = route.value;
  return (
    <p class="counts">
      {Object.keys(RANGES).map((range) => (
        <a
          key={range}
          href={href(path, { ...Object.fromEntries(query), range: range === HOUR ? null : range })}
          aria-current={range === present ? "true" : undefined}
        >
          {range.replace(/(?=[a-z])/, " ")}
        </a>
      ))}
    </p>
  );
}

interface FigureProps {
  readonly title: string;
  readonly legend: ComponentChildren;
  readonly children: ComponentChildren;
}

function Figure({ title, legend, children }: FigureProps) {
  return (
    <figure>
      <h3>{title}</h3>
      {children}
      <figcaption class="faint">{legend}</figcaption>
    </figure>
  );
}

function AttemptLegend({ rows }: { readonly rows: readonly ChartBar[] }) {
  const sum = (pick: (row: ChartBar) => number | null): string =>
    rows.reduce((total, row) => total + (pick(row) ?? 0), 0).toLocaleString("en");
  const causes = causesOf(rows).slice(0, 5);
  return (
    <>
      ▇ first {sum((row) => row.succeeded_first)}, ▒ later {sum((row) => row.succeeded_later)},{" "}
      <span class="bad">✖ failed {sum((row) => row.failed)}</span>
      {causes.length === 0 ? "" : ` (${causes.map(([cause, count]) => `${cause} ×${count}`).join(", ")})`}; at most{" "}
      {Math.max(0, ...rows.map(attemptsOf)).toLocaleString("en")} in a bar
    </>
  );
}

/** How deliveries stand to their objective. */
export function ObjectiveFacts({ endpoint }: { readonly endpoint?: string }) {
  const asked = call("read_objective", { endpoint_id: endpoint });
  const objective = useLive<Objective>(asked, LOOK_MS);
  return (
    <>
      <SeenValue of={objective}>
        {({ target, within, in_time, budget_left, overdue, is_exact, left_out, burn_1h, is_burning }) => (
          <dl class="facts">
            <Fact name={`within ${boundText(within)}, 30 days`}>
              {in_time === null ? "nothing was due" : `${percentText(in_time)} of ${percentText(target)}`}
            </Fact>
            <Fact name="budget left">
              {budget_left === null ? "all" : percentText(budget_left)}
              {is_burning ? <span class="bad"> ▲ used {burn_1h?.toPrecision(2)} times too fast</span> : null}
            </Fact>
            <Fact name="overdue">{`${overdue}${is_exact ? "" : "+"}`}</Fact>
            {left_out > 0 ? <Fact name="left out, not active">{left_out}</Fact> : null}
          </dl>
        )}
      </SeenValue>
      <SqlText of={asked} />
    </>
  );
}

function percentText(share: number): string {
  return `${(share * 100)
    .toFixed(2)
    .replace(/\.?0+$/, "")
    .replace("-", "−")} %`;
}

/** 00:05:00 as 5 min; 1 day as it is. */
function boundText(within: string): string {
  const [hours = 0, minutes = 0, seconds = 0] = within.split(":").map(Number);
  return within.includes(":") ? durationText(((hours * 60 + minutes) * 60 + seconds) * 1_000) : within;
}
