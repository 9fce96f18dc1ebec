import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

/** The heading of a screen, which is also the title of the page. */
export function Heading({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  useEffect(() => {
    document.title = `${title} · Postrider`;
  }, [title]);
  return (
    <header class="heading">
      <h1>{title}</h1>
      {children}
    </header>
  );
}

export function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
