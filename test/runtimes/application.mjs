// The same receiver in each runtime: of the package's file, as it ships, over its adapter for fetch-style handlers.
import { createReceiver, fetchHandler, memoryInbox } from "./receive.mjs";
import { settings } from "./settings.mjs";

const seen = [];
const receiver = createReceiver({
  ...settings,
  store: memoryInbox({ warn: () => {} }),
  handlers: {},
  onUnknown: ({ id, type, data, dataText }) => {
    seen.push({ id, type, data, dataText });
  },
});
const handle = fetchHandler(receiver);

/** What was handled, for the test to see. */
export default {
  fetch: (request) => (request.method === "GET" ? Response.json(seen) : handle(request)),
};
