import { render } from "preact";
import { App } from "./app.tsx";
import { listenForKeys } from "./keys.ts";
import { findSession } from "./session.ts";

const root = document.querySelector("#app");
if (root === null) {
  throw new Error("the page has no place for the dashboard");
}
listenForKeys();
render(<App />, root);
void findSession();
