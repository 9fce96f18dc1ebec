import type { ComponentChildren } from "preact";

/** A text as it stands, in lines. */
export function Listing({
  class: className,
  children,
}: {
  readonly class?: string;
  readonly children: ComponentChildren;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a keyboard must be able to scroll it
    <pre tabIndex={0} class={className}>
      {children}
    </pre>
  );
}
