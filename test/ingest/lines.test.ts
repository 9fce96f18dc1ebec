import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EndsTracker, endsOf, fingerprintOf } from "../../src/ingest/fingerprint.ts";
import { LINE_BYTES_MAX, type Line, LineSplitter } from "../../src/ingest/lines.ts";

const NOWHERE = { byteOffset: 0, lineNumber: 0 };

function linesOf(chunks: readonly (string | Buffer)[]): Line[] {
  const splitter = new LineSplitter(NOWHERE);
  return [...chunks.flatMap((chunk) => splitter.split(Buffer.from(chunk))), ...splitter.end()];
}

function textsOf(...chunks: (string | Buffer)[]): (string | null)[] {
  return linesOf(chunks).map(({ bytes, problem }) => bytes?.toString() ?? problem);
}

/** In pieces of any length. */
const cutText = fc
  .tuple(fc.array(fc.string({ unit: fc.constantFrom("a", "é", " ", "\r", "\n", "\n\n") })), fc.array(fc.nat(7)))
  .map(([parts, cuts]) => {
    const text = Buffer.from(parts.join(""));
    const chunks: Buffer[] = [];
    let at = 0;
    for (const cut of cuts) {
      chunks.push(text.subarray(at, at + cut));
      at += cut;
    }
    return { text, chunks: [...chunks, text.subarray(at)] };
  });

test("however a text is cut into pieces, its lines and their offsets are the same", () => {
  fc.assert(
    fc.property(cutText, ({ text, chunks }) => {
      const lines = linesOf(chunks);
      const expected = text
        .toString()
        .split("\n")
        .map((line, n) => ({ number: n + 1, text: line.replace(/\r$/, "") }))
        .filter((line) => !/^[ \t\r]*$/.test(line.text));
      assert.deepEqual(
        lines.map(({ number, bytes }) => ({ number, text: String(bytes) })),
        expected,
      );
      for (const { byteOffset, endOffset, bytes } of lines) {
        const whole = text.subarray(byteOffset, endOffset).toString();
        assert.equal(whole.replace(/\r?\n?$/, ""), String(bytes));
      }
    }),
  );
});

test("a restart after any line continues with the next", () => {
  const text = Buffer.from('{"a":1}\r\n\n{"b":2}\n{"c":3}');
  const [first] = linesOf([text]);
  const splitter = new LineSplitter({ byteOffset: first?.endOffset ?? 0, lineNumber: first?.number ?? 0 });
  const rest = [...splitter.split(text.subarray(first?.endOffset)), ...splitter.end()];
  assert.deepEqual(rest, linesOf([text]).slice(1));
});

test("a byte order mark at the beginning of the file is not part of its first line, and is kept elsewhere", () => {
  assert.deepEqual(textsOf("\ufeff{}\n\ufeff[]\n"), ["{}", "\ufeff[]"]);
});

test("a line that cannot be sent to Postgres is refused, and the next line is not", () => {
  const sequence = Buffer.from([0xc3, 0x28, 0x0a]);
  assert.deepEqual(textsOf(sequence, "a\0b\n", "[]\n"), ["it is not UTF-8", "it holds a byte that is zero", "[]"]);
});

test("a line may be as long as the limit, and one that is longer is counted and not kept", () => {
  const longest = "x".repeat(LINE_BYTES_MAX);
  const tooLong = `it has more than ${LINE_BYTES_MAX} bytes`;
  assert.deepEqual(textsOf(`${longest}\r\n`, `${longest}x\n`, `${longest}`, `${longest}`, "\n[]\n"), [
    longest,
    tooLong,
    tooLong,
    "[]",
  ]);
  const splitter = new LineSplitter(NOWHERE);
  const chunk = Buffer.alloc(1_048_576, "x");
  for (let n = 0; n < 200; n++) splitter.split(chunk);
  assert.deepEqual(
    splitter.split(Buffer.from("\n")).map(({ endOffset, problem }) => [endOffset, problem]),
    [[200 * 1_048_576 + 1, tooLong]],
  );
});

test("a fingerprint that was followed along is that of the file, however it was read", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 6 }), fc.nat(), (sizes, at) => {
      const whole = Buffer.from(sizes.flatMap((size, n) => Array.from({ length: size }, (_, i) => (i * 7 + n) % 251)));
      const found = (byteOffset: number): string | null => {
        const { headBytes, tailStart } = endsOf(byteOffset);
        return fingerprintOf(byteOffset, {
          head: whole.subarray(0, headBytes),
          tail: whole.subarray(tailStart, byteOffset),
        });
      };
      const start = at % whole.length;
      const { headBytes, tailStart } = endsOf(start);
      const ends = { head: whole.subarray(0, headBytes), tail: whole.subarray(tailStart, start) };
      const tracker = new EndsTracker(start, ends);
      let offset = start;
      for (const size of sizes) {
        const chunk = whole.subarray(offset, offset + size);
        const lineBytes = Math.floor(chunk.length / 2);
        assert.equal(tracker.read(chunk, lineBytes), lineBytes === 0 ? null : found(offset + lineBytes));
        offset += chunk.length;
      }
      assert.equal(tracker.whole(), found(offset));
    }),
  );
});
