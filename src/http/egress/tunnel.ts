/**
 * A tunnel through the egress proxy, RFC 9110 §9.3.6: CONNECT asks for it, and behind a 2xx answer every byte is the
 * receiver's. The parser of receivers' answers reads the proxy's head too, under the same limit. The body of a refusal is
 * not read.
 */
import type { Socket } from "node:net";
import { type AnswerFault, MORE, Section } from "../answerHead.ts";
import { codeOf, DialFailure, hostAndPort, type Origin } from "./dialFailure.ts";
import type { EgressProxy } from "./proxy.ts";
import type { OnRead } from "./reading.ts";
import type { StepDone } from "./socketStep.ts";

/** More than any honest proxy sends before its answer; without an end they would keep a core busy until the deadline. */
const INFORMATIONAL_MAX = 32;

export class Tunnel {
  readonly #proxy: EgressProxy;
  /** Host and port of the receiver. */
  readonly #to: string;
  readonly #onRead: OnRead;
  readonly #section: Section;
  #unread = Buffer.alloc(0);
  #informational = 0;
  #isOpen = false;
  #done: StepDone | undefined;

  /** @param onRead hears of what the receiver sends */
  constructor(proxy: EgressProxy, to: Origin, onRead: OnRead, answerHeaderBytesMax: number) {
    this.#proxy = proxy;
    this.#to = hostAndPort(to);
    this.#onRead = onRead;
    this.#section = new Section(answerHeaderBytesMax);
    this.#section.begin(true);
  }

  /** Writes the request, and calls `done` when the proxy has answered. */
  open(socket: Socket, done: StepDone): void {
    this.#done = done;
    if (this.#unread.length > 0) {
      // TLS lets a server speak before the handshake has ended.
      done(this.#failure("sent bytes before it was asked for anything"));
      return;
    }
    const { authorization } = this.#proxy;
    const credentials = authorization === undefined ? "" : `proxy-authorization: ${authorization}\r\n`;
    socket.write(`${this.#request} HTTP/1.1\r\nhost: ${this.#to}\r\n${credentials}\r\n`, "latin1");
  }

  /** What the socket to the proxy reads into. */
  read(length: number, bytes: Uint8Array): boolean {
    if (this.#isOpen) {
      return this.#onRead(length, bytes);
    }
    this.#unread = Buffer.concat([this.#unread, bytes.subarray(0, length)]);
    if (this.#done !== undefined) {
      this.#readHeads(this.#done);
    }
    return true;
  }

  /** Why the tunnel did not open, if the socket to the proxy fails or closes before it does. */
  failureOf(error: Error | undefined): DialFailure {
    const what = error === undefined ? "closed the connection" : `failed (${codeOf(error)})`;
    return this.#failure(`${what} before it answered ${this.#request}`);
  }

  get #request(): string {
    return `CONNECT ${this.#to}`;
  }

  #readHeads(done: StepDone): void {
    for (;;) {
      const end = this.#section.scan(this.#unread, 0, this.#unread.length);
      if (end === MORE) {
        return;
      }
      if (typeof end !== "number") {
        done(this.#refusal(end));
        return;
      }
      const status = this.#section.statusOf(this.#unread.toString("latin1", 0, end));
      this.#unread = this.#unread.subarray(end);
      if (status >= 200 || status === 101) {
        this.#settle(status, done);
        return;
      }
      this.#section.begin(true);
      this.#informational += 1;
      if (this.#informational > INFORMATIONAL_MAX) {
        done(this.#refusal({ fault: `more than ${INFORMATIONAL_MAX} informational answers` }));
        return;
      }
    }
  }

  #settle(status: number, done: StepDone): void {
    if (status < 200 || status > 299) {
      done(this.#failure(`answered ${status} to ${this.#request}${this.#hintFor(status)}`));
    } else if (this.#unread.length > 0) {
      // Nothing has been sent to the receiver, so nothing that it says can be an answer.
      done(this.#failure(`sent bytes behind its answer to ${this.#request}, before we had sent any`));
    } else {
      this.#isOpen = true;
      done();
    }
  }

  #hintFor(status: number): string {
    if (status !== 407) {
      return "";
    }
    return this.#proxy.authorization === undefined
      ? ": it asks for credentials"
      : ": it does not accept our credentials";
  }

  #refusal({ fault }: AnswerFault): DialFailure {
    return this.#failure(`did not answer ${this.#request} as it must: ${fault}`);
  }

  #failure(what: string): DialFailure {
    return new DialFailure("proxy", `the egress proxy ${hostAndPort(this.#proxy.origin)} ${what}`);
  }
}
