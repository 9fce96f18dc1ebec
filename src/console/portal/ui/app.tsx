import { useEffect, useRef } from "preact/hooks";
import { RefusalText } from "../../ui/parts/refusal.tsx";
import { href, route } from "../../ui/route.ts";
import { AddScreen } from "./screens/add.tsx";
import { EndpointScreen } from "./screens/endpoint.tsx";
import { Endpoints } from "./screens/endpoints.tsx";
import { EventScreen } from "./screens/event.tsx";
import { Events } from "./screens/events.tsx";
import { Lost } from "./screens/lost.tsx";
import { Types } from "./screens/types.tsx";
import { mayCall, session, tryAgain } from "./session.ts";

export function App() {
  switch (session.value.kind) {
    case "unknown":
      return (
        <main>
          <p class="faint">reading…</p>
        </main>
      );
    case "out":
      return <Ended error={session.value.error} />;
    case "in":
      // Another tenant's page begins anew.
      return <Shell key={session.value.tenant} />;
  }
}

function Ended({ error }: { readonly error: unknown }) {
  return (
    <main>
      <h1>Nobody is logged in here</h1>
      {error === null ? null : <RefusalText error={error} />}
      <p>The visit has ended, or it never began. Open this page again from the application that it belongs to.</p>
      {parent === window ? null : (
        <p>
          <button type="button" onClick={() => void tryAgain()}>
            Try again
          </button>
        </p>
      )}
    </main>
  );
}

/** The screens of the menu, and what each must be able to read. */
const PLACES = [
  { place: "endpoints", name: "Endpoints", operation: "portal_list_endpoints" },
  { place: "events", name: "Events", operation: "portal_list_events" },
  { place: "types", name: "Event types", operation: "portal_list_event_types" },
];

function Shell() {
  const main = useRef<HTMLElement>(null);
  const [present] = route.value.path;
  const place = route.value.path.join("/");
  const isFirst = useRef(true);
  // Who follows a link with the keyboard or a screen reader goes on where the new screen begins.
  useEffect(() => {
    if (isFirst.current) isFirst.current = false;
    else main.current?.focus();
    scrollTo(0, 0);
  }, [place]);
  return (
    <>
      <header class="bar">
        <nav aria-label="Screens">
          <ul>
            {PLACES.filter(({ operation }) => mayCall(operation)).map((each) => (
              <li key={each.place}>
                <a href={href([each.place])} aria-current={each.place === present ? "page" : undefined}>
                  {each.name}
                </a>
              </li>
            ))}
          </ul>
        </nav>
      </header>
      <main ref={main} tabIndex={-1}>
        <Screen key={place} />
      </main>
    </>
  );
}

function Screen() {
  const [screen, id] = route.value.path;
  switch (screen) {
    case "endpoints":
      return id === undefined ? <Endpoints /> : <EndpointScreen id={id} />;
    case "add":
      return <AddScreen />;
    case "events":
      return id === undefined ? <Events /> : <EventScreen id={id} />;
    case "types":
      return <Types />;
    default:
      return <Lost />;
  }
}
