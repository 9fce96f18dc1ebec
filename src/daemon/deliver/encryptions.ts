import { type Encrypted, type EncryptionKey, encryptBody } from "../../format/encrypt.ts";

/** Encryptions at a time: as many as the threads that do them. Each has its body in memory several times. */
export const ENCRYPTIONS_MAX = 4;

/** Encrypts a few bodies at a time; the others wait in the order in which they came. */
export class Encryptions {
  #count = 0;
  readonly #waiting: (() => void)[] = [];

  async encrypt(key: EncryptionKey, body: Buffer, encrypted: Encrypted): Promise<Buffer> {
    if (this.#count === ENCRYPTIONS_MAX) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#count += 1;
    }
    try {
      return await encryptBody(key, body, encrypted);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) {
        this.#count -= 1;
      } else {
        next();
      }
    }
  }
}
