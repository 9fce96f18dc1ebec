/** Takes connections, reads nothing, answers nothing: what is sent stays in the sender, but for what the kernel takes. */
import { createServer } from "node:net";
import { onMessage, tell } from "./child.ts";
import { listen } from "./httpReceiver.ts";

const server = createServer({ pauseOnConnect: true }, (socket) => {
  socket.on("error", () => socket.destroy());
});

onMessage(({ kind }) => {
  if (kind === "stop") {
    process.exit();
  }
});

tell("listening", await listen(server));
