import { createServer, type Server } from "node:net";

const HEAD_END = Buffer.from("\r\n\r\n");
const LENGTH_NAME = Buffer.from("content-length: ");
const ANSWER = Buffer.from("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok");

/** Where a connection is in its stream of requests. */
interface Progress {
  /** The beginning of a head whose end has not arrived. */
  rest: Buffer | null;
  /** The request whose body is arriving. */
  head: Buffer | null;
  bodyLeft: number;
}

/**
 * An HTTP server that is as cheap as Node allows, so that sender and Postgres have the machine: it finds the end of
 * each request by its content-length, and answers 200, at once unless it is to take some time. The caller gets the head of
 * the request, from the request line on.
 */
export function createReceiver(onRequest: (head: Buffer) => void, answerMs = 0): Server {
  return createServer({ noDelay: true }, (socket) => {
    const progress: Progress = { rest: null, head: null, bodyLeft: 0 };
    const answer = (head: Buffer) => {
      onRequest(head);
      if (answerMs === 0) {
        socket.write(ANSWER);
      } else {
        setTimeout(() => socket.write(ANSWER), answerMs);
      }
    };
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => takeRequests(progress, chunk, answer));
  });
}

/** Bodies are counted and not kept, so that large ones cost no more than reading them. */
function takeRequests(progress: Progress, chunk: Buffer, onWhole: (head: Buffer) => void): void {
  let left = progress.rest === null ? chunk : Buffer.concat([progress.rest, chunk]);
  progress.rest = null;
  while (left.length > 0) {
    if (progress.head === null) {
      const headEnd = left.indexOf(HEAD_END);
      if (headEnd === -1) {
        progress.rest = left;
        return;
      }
      progress.head = left.subarray(0, headEnd);
      progress.bodyLeft = contentLength(progress.head);
      left = left.subarray(headEnd + HEAD_END.length);
    }
    const taken = Math.min(progress.bodyLeft, left.length);
    progress.bodyLeft -= taken;
    left = left.subarray(taken);
    if (progress.bodyLeft === 0) {
      onWhole(progress.head);
      progress.head = null;
    }
  }
}

function contentLength(head: Buffer): number {
  const nameAt = head.indexOf(LENGTH_NAME);
  if (nameAt === -1) {
    throw new Error("a request came without a content-length");
  }
  let length = 0;
  for (let at = nameAt + LENGTH_NAME.length; ; at += 1) {
    const digit = (head[at] ?? 0) - 48;
    if (digit < 0 || digit > 9) {
      return length;
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
