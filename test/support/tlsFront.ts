/** TLS before a Postgres that has none, as a server with ssl=on speaks it. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { TLSSocket } from "node:tls";

export interface TlsFrontOptions {
  readonly serverUrl: string;
  readonly key: string;
  readonly cert: string;
  /** `hostssl` refuses connections without TLS, `hostnossl` those with it, as lines of pg_hba.conf do. */
  readonly admits: "both" | "hostssl" | "hostnossl";
}

const SSL_REQUEST = 80_877_103;
const TLS_HANDSHAKE = 22;

/** Starts one for the test; returns the URL that leads to the server through it. */
export async function startTlsFront(t: TestContext, options: TlsFrontOptions): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", (first: Buffer) => begin(socket, first, options));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) {
      socket.destroy();
    }
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return Object.assign(new URL(options.serverUrl), { hostname: "localhost", port: String(port) }).href;
}

function begin(socket: Socket, first: Buffer, options: TlsFrontOptions): void {
  if (first[0] === TLS_HANDSHAKE) {
    socket.pause();
    socket.unshift(first);
    secure(socket, options);
  } else if (first.length === 8 && first.readInt32BE(4) === SSL_REQUEST) {
    socket.write("S");
    secure(socket, options);
  } else {
    serve(socket, first, options, options.admits !== "hostssl");
  }
}

function secure(socket: Socket, options: TlsFrontOptions): void {
  const { key, cert, admits } = options;
  const secured = new TLSSocket(socket, { isServer: true, key, cert, ALPNProtocols: ["postgresql"] });
  secured.on("error", () => socket.destroy());
  secured.once("data", (startup: Buffer) => serve(secured, startup, options, admits !== "hostnossl"));
}

function serve(client: Socket, startup: Buffer, { serverUrl }: TlsFrontOptions, isAdmitted: boolean): void {
  if (!isAdmitted) {
    const fields = "SFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry for host\0\0";
    const head = Buffer.from([0x45, 0, 0, 0, 4 + fields.length]);
    client.end(Buffer.concat([head, Buffer.from(fields)]));
    return;
  }
  const { hostname, port } = new URL(serverUrl);
  const server = connect(Number(port), hostname);
  server.on("error", () => client.destroy());
  server.on("close", () => client.destroy());
  client.on("close", () => server.destroy());
  server.write(startup);
  client.pipe(server);
  server.pipe(client);
}
