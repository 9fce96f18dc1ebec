/** What must hold of any request that a receiver gets, whatever is in it. */
import assert from "node:assert/strict";
import { FORMAT_NAMES, type FormatName } from "../../src/format/format.ts";
import type { ReceivedEvent } from "../../src/receive/event.ts";
import { type Answer, createReceiver, FetchError, type Receiver } from "../../src/receive/receive.ts";
import { FUZZ_DECRYPTION_KEY, FUZZ_SECRET, type FuzzCase } from "./fuzzCases.ts";

export interface Judged {
  readonly status: number;
  /** Undefined if it has what it must have. */
  readonly fault: string | undefined;
}

/** Of a request that is refused: what a stranger may learn. */
const REFUSALS = [400, 401, 415, 422];

/** What their bodies are only headers say, so a receiver must expect them. */
const UNSIGNED: readonly FormatName[] = ["raw", "cloudevents-binary"];

const ORIGIN = "https://events.example.com";
/** What is fetched instead of each large payload. */
const FETCHED = '"fetched"';
const fetch = async () => new Response(FETCHED, { headers: { "content-length": String(FETCHED.length) } });

const COMPARED_CHARS_MAX = 4_000;

export class Judge {
  #events: ReceivedEvent[] = [];
  /** The answer to each status: only the status tells why. */
  readonly #bodies = new Map<number, string>();
  readonly #receivers = new Map(
    FORMAT_NAMES.map((format) => [format, this.#receiverOf(UNSIGNED.includes(format) ? [format] : undefined)]),
  );

  #receiverOf(formats: readonly FormatName[] | undefined): Receiver {
    return createReceiver({
      secrets: [FUZZ_SECRET],
      decryptionKeys: [FUZZ_DECRYPTION_KEY],
      formats,
      payloads: { fetch, origins: formats === undefined ? undefined : [ORIGIN] },
      store: { once: (_, handle) => handle(undefined).then(() => "handled" as const) },
      handlers: {},
      onUnknown: (event: ReceivedEvent) => {
        this.#events.push(event);
      },
      log: () => {},
    });
  }

  async judge(request: FuzzCase): Promise<Judged> {
    this.#events = [];
    try {
      const { headers, body } = request;
      const answer = await this.#receiverFor(request).receive({ method: "POST", headers, body });
      return { status: answer.status, fault: this.#faultOf(request, answer) };
    } catch (thrown) {
      return { status: 0, fault: `it threw ${thrown instanceof Error ? thrown.stack : String(thrown)}` };
    }
  }

  #receiverFor({ format }: FuzzCase): Receiver {
    const receiver = this.#receivers.get(format);
    assert.ok(receiver !== undefined);
    return receiver;
  }

  #faultOf({ kind, format, payloads }: FuzzCase, { status, body, outcome }: Answer): string | undefined {
    const isAccepted = status >= 200 && status < 300;
    if (body !== (this.#bodies.get(status) ?? body)) return `the answer says ${body}, and once said something else`;
    this.#bodies.set(status, body);
    if (kind === "whole" && !isAccepted) return "what the daemon sends is refused";
    if (kind === "forged" && ![400, 401].includes(status)) return "it is accepted, though it is forged";
    if (outcome.kind === "failed" && outcome.error instanceof FetchError) return undefined;
    if (!isAccepted) return REFUSALS.includes(status) ? undefined : "the status is none of a refusal";
    return (kind === "whole" ? this.#faultOfTexts(format, payloads) : undefined) ?? this.#faultOfEvents();
  }

  #faultOfTexts(format: FormatName, payloads: FuzzCase["payloads"]): string | undefined {
    // XML does not keep the blanks between the values.
    const kept = (text: string): unknown => (format === "xml" ? JSON.parse(text) : text);
    const wanted = payloads.map((payload) => kept(payload ?? FETCHED));
    return faultOf(() =>
      assert.deepEqual(
        this.#events.map(({ dataText = "" }) => kept(dataText)),
        wanted,
      ),
    );
  }

  #faultOfEvents(): string | undefined {
    return faultOf(() => {
      for (const { id, type, timestamp, data, dataText, large } of this.#events) {
        for (const text of [id, type, timestamp]) assert.equal(typeof text, "string");
        assert.notEqual(id, "");
        // The comparison takes stack for each level, of which hostile bodies have many.
        if ((dataText?.length ?? 0) < COMPARED_CHARS_MAX) assert.deepEqual(data, JSON.parse(dataText ?? ""));
        if (large !== undefined) assert.match(large.url, /^https?:/i);
      }
      assert.equal(Reflect.get({}, "polluted"), undefined);
    });
  }
}

function faultOf(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}
