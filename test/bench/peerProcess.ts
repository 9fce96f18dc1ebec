/** One of the peers at work: `peerProcess.ts NAME DATABASE_URL RECEIVER_PORT`. */
import { onMessage, tell } from "./child.ts";
import { loadPeer } from "./loadPeer.ts";
import { WebhookClient } from "./peers/webhooks.ts";

const [name = "", url = "", port = ""] = process.argv.slice(2);
const peer = await loadPeer(name);
const stop = await peer.start(url, new WebhookClient(Number(port)));

onMessage(({ kind }) => {
  if (kind === "stop") {
    void stop().finally(() => process.exit());
  }
});
tell("started");
