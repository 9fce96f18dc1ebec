import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto";

/** SHA-256 reads blocks of so many bytes; a longer key would have to be hashed first. */
const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;
/** Messages up to this size are put together here. Nothing is kept in it beyond one call. */
const scratch = Buffer.allocUnsafe(65_536);
/** The outer key and the digest of the inner hash, for as long. */
const outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);

/**
 * A key for HMAC-SHA256 (RFC 2104). A short message is signed by two one-shot hashes, at half the price of an HMAC object
 * (1.3 µs instead of 2.6 for 600 bytes). The bytes are private, so that no log and no inspection shows them.
 *
 * A daemon keeps thousands of keys, so each is one buffer until it signs a long message.
 */
export class HmacKey {
  /** The key for the inner hash, and behind it the key for the outer one. */
  readonly #padded: Buffer;
  /** For long messages: made once, because passing bytes to every HMAC costs 14 µs. */
  #key: KeyObject | undefined;

  /** @throws RangeError if the key is longer than a block */
  constructor(bytes: Buffer) {
    if (bytes.length > BLOCK_BYTES) {
      throw new RangeError(`a key has at most ${BLOCK_BYTES} bytes, not ${bytes.length}`);
    }
    this.#padded = Buffer.alloc(2 * BLOCK_BYTES);
    for (let index = 0; index < BLOCK_BYTES; index += 1) {
      const byte = bytes[index] ?? 0;
      this.#padded[index] = byte ^ INNER_PAD;
      this.#padded[BLOCK_BYTES + index] = byte ^ OUTER_PAD;
    }
  }

  /** The HMAC over prefix and message, as base64. The prefix is ASCII; a string is signed as UTF-8. */
  digest(prefix: string, message: Buffer | string): string {
    // A character takes at most three bytes.
    const bytesMax = BLOCK_BYTES + prefix.length + message.length * (typeof message === "string" ? 3 : 1);
    if (bytesMax > scratch.length) {
      this.#key ??= this.#makeKey();
      return createHmac("sha256", this.#key).update(prefix).update(message).digest("base64");
    }
    let end = this.#padded.copy(scratch, 0, 0, BLOCK_BYTES);
    end += scratch.write(prefix, end, "latin1");
    end += typeof message === "string" ? scratch.write(message, end, "utf8") : message.copy(scratch, end);
    this.#padded.copy(outer, 0, BLOCK_BYTES);
    outer.write(hash("sha256", scratch.subarray(0, end), "hex"), BLOCK_BYTES, "hex");
    return hash("sha256", outer, "base64");
  }

  /** Zeros at the end of a key change nothing, because a shorter one is padded with them. */
  #makeKey(): KeyObject {
    return createSecretKey(this.#padded.subarray(0, BLOCK_BYTES).map((byte) => byte ^ INNER_PAD));
  }
}
