import type { HourBar } from "../rows.ts";

const HOURS = 24;
const HOUR_MS = 3_600_000;

/** The attempts of the last 24 hours, and how many of them succeeded. */
export function Sparkline({ bars }: { readonly bars: readonly HourBar[] }) {
  const succeeded = bars.reduce((sum, bar) => sum + bar.succeeded, 0);
  const failed = bars.reduce((sum, bar) => sum + bar.failed, 0);
  if (succeeded + failed === 0) {
    return <p class="faint">nothing sent in 24 h</p>;
  }
  const text = `24 h: ${percentText(succeeded / (succeeded + failed))} of ${(succeeded + failed).toLocaleString("en")} attempts succeeded`;
  const most = Math.max(...bars.map((bar) => bar.succeeded + bar.failed));
  const now = Math.floor(Date.now() / HOUR_MS);
  return (
    <>
      <svg class="sparkline" role="img" aria-label={text} viewBox={`0 0 ${HOURS} 1`} preserveAspectRatio="none">
        {bars.map((bar) => {
          const x = HOURS - 1 - (now - Math.floor(Date.parse(bar.at) / HOUR_MS));
          const [good, bad] = [bar.succeeded / most, bar.failed / most];
          return (
            <g key={bar.at}>
              <rect class="good" x={x} width="0.85" y={1 - good} height={good} />
              <rect class="bad" x={x} width="0.85" y={1 - good - bad} height={bad} />
            </g>
          );
        })}
      </svg>
      <p class="faint">{text}</p>
    </>
  );
}

/** Never 100 % unless it is all. */
function percentText(share: number): string {
  return `${Math.floor(share * 1_000) / 10} %`;
}
