import { createServer, type Server, type Socket } from "node:net";

const HEAD_END = Buffer.from("\r\n\r\n");
const LENGTH_NAME = Buffer.from("content-length: ");
const ANSWER = Buffer.from("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok");

/**
 * An HTTP server that is as cheap as Node allows, so that sender and Postgres have the machine: it finds the end of
 * each request by its content-length, and answers 200. The caller gets the bytes from the request line on.
 */
export function createReceiver(onRequest: (request: Buffer) => void): Server {
  return createServer((socket) => {
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    let rest: Buffer | null = null;
    socket.on("data", (chunk: Buffer) => {
      rest = takeRequests(socket, rest === null ? chunk : Buffer.concat([rest, chunk]), onRequest);
    });
  });
}

/** Answers every whole request in `bytes`, and returns what is left over; mostly that is nothing, of one request. */
function takeRequests(socket: Socket, bytes: Buffer, onRequest: (request: Buffer) => void): Buffer | null {
  let left = bytes;
  while (left.length > 0) {
    const end = requestEnd(left);
    if (end === null || end > left.length) {
      return left;
    }
    onRequest(left);
    socket.write(ANSWER);
    left = left.subarray(end);
  }
  return null;
}

function requestEnd(bytes: Buffer): number | null {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd === -1) {
    return null;
  }
  const nameAt = bytes.indexOf(LENGTH_NAME);
  if (nameAt === -1 || nameAt > headEnd) {
    throw new Error("a request came without a content-length");
  }
  let length = 0;
  for (let at = nameAt + LENGTH_NAME.length; ; at += 1) {
    const digit = (bytes[at] ?? 0) - 48;
    if (digit < 0 || digit > 9) {
      return headEnd + HEAD_END.length + length;
    }
    length = length * 10 + digit;
  }
}

/** On a free port of the loopback interface; resolves to the port. */
export function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}
