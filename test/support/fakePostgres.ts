/**
 * A server that speaks as much of Postgres's protocol (version 3.0) as it takes to answer each query with the same
 * row: for what a real server at hand cannot be, such as one that is too old.
 */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";

/** Starts one on a free port of the loopback; columns are sent as text, with the types given by their OIDs. */
export async function startFakePostgres(columns: readonly FakeColumn[]): Promise<FakePostgres> {
  const server = createServer((socket) => serve(socket, columns));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") {
    throw new Error("the fake server has no port");
  }
  return { url: `postgres://somebody@127.0.0.1:${address.port}/fake`, stop: () => stop(server) };
}

export interface FakeColumn {
  readonly name: string;
  /** 16: boolean ("t", "f"), 23: integer, 25: text. */
  readonly type: 16 | 23 | 25;
  readonly value: string;
}

export interface FakePostgres {
  readonly url: string;
  stop(): Promise<void>;
}

async function stop(server: Server): Promise<void> {
  server.close();
  await once(server, "close");
}

function serve(socket: Socket, columns: readonly FakeColumn[]): void {
  let pending: Buffer = Buffer.alloc(0);
  let started = false;
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    // A message is a letter, its length and its body; the very first one, the startup message, has no letter.
    for (let head = started ? 1 : 0; pending.length >= head + 4; head = started ? 1 : 0) {
      const end = head + pending.readInt32BE(head);
      if (pending.length < end) {
        return;
      }
      const letter = started ? String.fromCharCode(pending[0] ?? 0) : "startup";
      pending = pending.subarray(end);
      started = true;
      answer(socket, letter, columns);
    }
  });
}

function answer(socket: Socket, letter: string, columns: readonly FakeColumn[]): void {
  switch (letter) {
    case "startup":
      socket.write(Buffer.concat([message("R", int32(0)), READY]));
      return;
    case "P":
      socket.write(message("1"));
      return;
    case "B":
      socket.write(message("2"));
      return;
    case "D":
      socket.write(message("T", int16(columns.length), ...columns.map(describe)));
      return;
    case "E": {
      const values = columns.flatMap(({ value }) => [int32(Buffer.byteLength(value)), Buffer.from(value)]);
      socket.write(Buffer.concat([message("D", int16(columns.length), ...values), message("C", text("SELECT 1"))]));
      return;
    }
    case "S":
      socket.write(READY);
      return;
    case "X":
      socket.end();
  }
}

function describe({ name, type }: FakeColumn): Buffer {
  return Buffer.concat([text(name), int32(0), int16(0), int32(type), int16(-1), int32(-1), int16(0)]);
}

function message(letter: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(letter), int32(body.length + 4), body]);
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

const READY = message("Z", Buffer.from("I"));
