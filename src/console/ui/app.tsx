import { useEffect, useRef } from "preact/hooks";
import { Help } from "./help.tsx";
import { PLACES, palette, SCREENS } from "./keys.ts";
import { Login } from "./login.tsx";
import { Palette } from "./palette.tsx";
import { lazily } from "./parts/lazily.tsx";
import { nextTheme, nextZone, theme } from "./preferences.ts";
import { href, route } from "./route.ts";
import { EndpointScreen } from "./screens/endpoint.tsx";
import { Endpoints } from "./screens/endpoints.tsx";
import { EventScreen } from "./screens/event.tsx";
import { Events } from "./screens/events.tsx";
import { Lost } from "./screens/lost.tsx";
import { Overview } from "./screens/overview.tsx";
import { logOut, session } from "./session.ts";
import { isLive, zone } from "./shown.ts";

const Attempts = lazily(async () => (await import("./later.ts")).Attempts);
const Audit = lazily(async () => (await import("./later.ts")).Audit);
const Daemons = lazily(async () => (await import("./later.ts")).DaemonsScreen);
const Keys = lazily(async () => (await import("./later.ts")).Keys);
const Replays = lazily(async () => (await import("./later.ts")).Replays);
const Types = lazily(async () => (await import("./later.ts")).Types);
const Unmatched = lazily(async () => (await import("./later.ts")).UnmatchedScreen);

export function App() {
  switch (session.value.kind) {
    case "unknown":
      return null;
    case "out":
      return <Login error={session.value.error} />;
    case "in":
      return <Shell name={session.value.name} />;
  }
}

function Shell({ name }: { readonly name: string }) {
  const main = useRef<HTMLElement>(null);
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
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        To the content
      </button>
      <header class="bar">
        <strong>Postrider</strong>
        <Places />
        <p class="tools">
          <button
            type="button"
            class="quiet"
            title="key Ctrl K"
            onClick={() => {
              palette.value = "anything";
            }}
          >
            go to…
          </button>
          <button
            type="button"
            class="quiet"
            aria-pressed={isLive.value}
            title="key l"
            onClick={() => {
              isLive.value = !isLive.value;
            }}
          >
            <span aria-hidden="true">{isLive.value ? "●" : "○"}</span> live
          </button>
          <button type="button" class="quiet" title="key z" onClick={nextZone}>
            {zone.value}
          </button>
          <button type="button" class="quiet" title="key t" onClick={nextTheme}>
            {theme.value}
          </button>
          <span class="faint">{name}</span>
          <button type="button" class="quiet" onClick={logOut}>
            log out
          </button>
        </p>
      </header>
      <main ref={main} id="main" tabIndex={-1}>
        <Screen key={place} />
      </main>
      <Help />
      <Palette />
    </>
  );
}

function Places() {
  const [present] = route.value.path;
  return (
    <nav aria-label="Screens">
      <ul>
        {Object.entries(PLACES)
          .filter(([, place]) => place in SCREENS)
          .map(([key, place]) => (
            <li key={place}>
              <a href={href([place])} title={`keys g ${key}`} aria-current={place === present ? "page" : undefined}>
                {SCREENS[place]}
              </a>
            </li>
          ))}
      </ul>
    </nav>
  );
}

function Screen() {
  const [screen, id] = route.value.path;
  switch (screen) {
    case "overview":
      return <Overview />;
    case "events":
      return id === undefined ? <Events /> : <EventScreen id={id} />;
    case "attempts":
      return <Attempts />;
    case "endpoints":
      return id === undefined ? <Endpoints /> : <EndpointScreen id={id} />;
    case "types":
      return <Types />;
    case "replays":
      return <Replays />;
    case "audit":
      return <Audit />;
    case "keys":
      return <Keys />;
    case "daemons":
      return <Daemons />;
    case "unmatched":
      return <Unmatched />;
    default:
      return <Lost />;
  }
}
