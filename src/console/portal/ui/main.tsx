import { render } from "preact";
import { App } from "./app.tsx";
import { listenToHost, tellHeight } from "./host.ts";
import { begin, takeToken } from "./session.ts";

const root = document.querySelector("#app");
if (root === null) {
  throw new Error("the page has no place for the portal");
}
listenToHost(takeToken);
render(<App />, root);
tellHeight();
void begin();
