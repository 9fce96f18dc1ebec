/** TLS: who is trusted, which certificate we show, and which session is resumed. */
import type { Socket } from "node:net";
import * as tls from "node:tls";
import { type ConnectionOptions, connect, createSecureContext, type SecureContext } from "node:tls";
import { keepNewest } from "../../ground/keepNewest.ts";
import type { ClientCertificate } from "./clientCertificate.ts";
import { DialFailure, hostAndPort, type Origin } from "./dialFailure.ts";
import { literalOf } from "./policy.ts";
import { type OnRead, readingBy } from "./reading.ts";
import { keepCertificate } from "./tlsFailure.ts";

/** Session tickets kept for resumption, about 2 kB each. */
const SESSIONS_MAX = 1_000;
/** Secure contexts kept for client certificates. */
const CONTEXTS_MAX = 256;

/** TLS 1.2 lets a receiver that reads the request before it wants a client certificate ask once more. */
const HANDSHAKES_MAX = 2;
/** Explicit, because --tls-min-v1.0 in NODE_OPTIONS would otherwise lower it for every receiver. */
const VERSION_MIN = "TLSv1.2";

/** Where a connection leads, and as whom. */
export interface Call {
  readonly origin: Origin;
  /** Shown if the receiver asks for one. */
  readonly clientCertificate: ClientCertificate | undefined;
  readonly onRead: OnRead;
}

export class TlsClient {
  readonly #common: { readonly minVersion: typeof VERSION_MIN; readonly ca?: string[] };
  readonly #anonymous: SecureContext;
  readonly #contexts = new Map<string, SecureContext>();
  readonly #sessions = new Map<string, Buffer>();

  /** @param trustedCertificates PEM; in addition to those that Node.js trusts */
  constructor(trustedCertificates: readonly string[]) {
    this.#common = {
      minVersion: VERSION_MIN,
      // Not imported by name: an old Node would then refuse to load the bundle, and could not say that it is too old.
      ...(trustedCertificates.length > 0 && { ca: [...tls.getCACertificates("default"), ...trustedCertificates] }),
    };
    // One context for all: otherwise every connect builds its own.
    this.#anonymous = createSecureContext(this.#common);
  }

  /** Dials; "connect" comes first, and "secureConnect" ends the handshake. */
  connect(call: Call, address: string): Socket {
    return this.#start(call, { host: address, port: call.origin.port, ...readingBy(call.onRead) });
  }

  /** Begins the handshake over a socket that is connected. It takes no buffer to read into, and so makes one a read. */
  startOver(socket: Socket, call: Call): Socket {
    const secured = this.#start(call, { socket, host: literalOf(call.origin.hostname) ?? call.origin.hostname });
    return secured.on("data", (bytes: Buffer) => void call.onRead(bytes.length, bytes));
  }

  #start({ origin, clientCertificate }: Call, way: ConnectionOptions): Socket {
    // A session carries the certificate that it was begun with, and resuming it skips the check of the receiver's name.
    const key = `${hostAndPort(origin)} ${clientCertificate?.id ?? ""}`;
    const session = this.#sessions.get(key);
    const socket = connect({
      ...way,
      // RFC 6066 has no server name for addresses; the certificate is then checked against the address itself.
      servername: literalOf(origin.hostname) === undefined ? origin.hostname : "",
      // Explicit, because NODE_TLS_REJECT_UNAUTHORIZED in the environment would otherwise turn it off for every receiver.
      rejectUnauthorized: true,
      ALPNProtocols: ["http/1.1"],
      secureContext: this.#contextOf(clientCertificate),
      ...(session === undefined ? {} : { session }),
    });
    // Before Node's own listener, which ends a connection that it does not trust and forgets the certificate.
    socket.prependListener("secure", () => keepCertificate(socket, socket.getPeerX509Certificate()));
    let handshakes = 0;
    socket.on("secureConnect", () => {
      handshakes += 1;
      if (handshakes > HANDSHAKES_MAX) {
        socket.destroy(new DialFailure("tls", "the receiver negotiates TLS again and again"));
      }
    });
    return socket.on("session", (ticket: Buffer) => keepNewest(this.#sessions, key, ticket, SESSIONS_MAX));
  }

  #contextOf(certificate: ClientCertificate | undefined): SecureContext {
    if (certificate === undefined) {
      return this.#anonymous;
    }
    const { id, cert, key } = certificate;
    const context = this.#contexts.get(id) ?? createSecureContext({ ...this.#common, cert, key });
    keepNewest(this.#contexts, id, context, CONTEXTS_MAX);
    return context;
  }
}
