/** Counts requests and reports when the count reaches a mark, so that the measurement needs no polling. */
import { onMessage, tell } from "./child.ts";
import { createReceiver, listen } from "./httpReceiver.ts";

let count = 0;
const marks = new Set<number>();

const server = createReceiver(() => {
  count += 1;
  if (marks.has(count)) {
    tell("reached", count);
  }
});

onMessage(({ kind, value }) => {
  switch (kind) {
    case "reset":
      count = 0;
      marks.clear();
      return;
    case "mark":
      marks.add(value);
      return;
    case "count":
      tell("counted", count);
      return;
    case "stop":
      process.exit();
  }
});

tell("listening", await listen(server));
