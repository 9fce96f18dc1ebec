import type { Bar } from "../chartBars.ts";

/** Bars along the time, each a link. The arrow keys go from one to the next. */
export function Chart({ label, bars }: { readonly label: string; readonly bars: readonly Bar[] }) {
  const width = 100 / bars.length;
  return (
    // biome-ignore lint/a11y/useSemanticElements: no element of SVG is a group to those who cannot see it
    <svg class="chart" role="group" aria-label={label} onKeyDown={moveAlong}>
      {bars.map(({ at, text, href, parts }, place) => (
        <a key={at} href={href} aria-label={text} tabIndex={place === bars.length - 1 ? 0 : -1}>
          <title>{text}</title>
          <rect x={`${place * width}%`} width={`${width}%`} height="100%" />
          {parts.map(({ tone, from, to, opacity }) => (
            <rect
              key={`${tone}${from}`}
              class={tone}
              fill-opacity={opacity}
              x={`${place * width}%`}
              width={`${width * 0.85}%`}
              y={`${100 - to * 100}%`}
              height={`${(to - from) * 100}%`}
            />
          ))}
        </a>
      ))}
    </svg>
  );
}

function moveAlong(event: KeyboardEvent): void {
  const present = document.activeElement;
  const next =
    event.key === "ArrowLeft"
      ? present?.previousElementSibling
      : event.key === "ArrowRight"
        ? present?.nextElementSibling
        : null;
  if (next instanceof SVGElement) {
    event.preventDefault();
    next.focus();
  }
}
