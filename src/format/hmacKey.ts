import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto";

/** SHA-256 reads blocks of so many bytes; a longer key would have to be hashed first. */
const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
/** Messages up to this size are put together here. Nothing is kept in it beyond one call. */
const scratch = Buffer.allocUnsafe(65_536);

/**
 * A key for HMAC-SHA256 (RFC 2104). A short message is signed by two one-shot hashes, at half the price of an HMAC object
 * (1.3 µs instead of 2.6 for 600 bytes). The bytes are private, so that no log and no inspection shows them.
 */
export class HmacKey {
  /** For long messages: made once, because passing bytes to every HMAC costs 14 µs. */
  readonly #key: KeyObject;
  readonly #inner: Buffer;
  /** The padded key, and room for the digest of the inner hash. */
  readonly #outer: Buffer;

  /** @throws RangeError if the key is longer than a block */
  constructor(bytes: Buffer) {
    if (bytes.length > BLOCK_BYTES) {
      throw new RangeError(`a key has at most ${BLOCK_BYTES} bytes, not ${bytes.length}`);
    }
    this.#key = createSecretKey(bytes);
    this.#inner = padded(bytes, 0x36, 0);
    this.#outer = padded(bytes, 0x5c, DIGEST_BYTES);
  }

  /** The HMAC over prefix and message, as base64. The prefix is ASCII; a string is signed as UTF-8. */
  digest(prefix: string, message: Buffer | string): string {
    // A character takes at most three bytes.
    const bytesMax = BLOCK_BYTES + prefix.length + message.length * (typeof message === "string" ? 3 : 1);
    if (bytesMax > scratch.length) {
      return createHmac("sha256", this.#key).update(prefix).update(message).digest("base64");
    }
    let end = this.#inner.copy(scratch);
    end += scratch.write(prefix, end, "latin1");
    end += typeof message === "string" ? scratch.write(message, end, "utf8") : message.copy(scratch, end);
    this.#outer.write(hash("sha256", scratch.subarray(0, end), "hex"), BLOCK_BYTES, "hex");
    return hash("sha256", this.#outer, "base64");
  }
}

function padded(key: Buffer, pad: number, room: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES + room, pad);
  for (const [index, byte] of key.entries()) {
    block[index] = byte ^ pad;
  }
  return block;
}
