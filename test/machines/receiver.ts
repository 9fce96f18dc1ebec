/**
 * The receivers of one host: `node receiver.ts`. Prints `listening PORT`, and tells its parent of each request. While it is told
 * to hold, it answers nothing.
 */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";

export interface ToldRequest {
  readonly path: string;
  /** `webhook-id`. */
  readonly id: string;
  /** The host that it came from. */
  readonly from: string;
}

let isHolding = false;
const held: ServerResponse[] = [];

const server = createServer(async (request, response) => {
  // A daemon or its link may be gone at any moment.
  response.on("error", () => {});
  try {
    await request.resume().toArray();
  } catch {
    return;
  }
  const told: ToldRequest = {
    path: request.url ?? "",
    id: String(request.headers["webhook-id"]),
    from: request.socket.remoteAddress ?? "",
  };
  process.send?.(told);
  if (isHolding) {
    held.push(response);
  } else {
    response.end();
  }
});

process.on("message", (message: "hold" | "release") => {
  isHolding = message === "hold";
  if (!isHolding) {
    for (const response of held.splice(0)) response.end();
  }
});
process.on("disconnect", () => process.exit());

server.listen(0, "0.0.0.0");
await once(server, "listening");
const address = server.address();
console.log(`listening ${typeof address === "object" ? address?.port : ""}`);
