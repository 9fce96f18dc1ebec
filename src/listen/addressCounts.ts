import { isIPv6 } from "node:net";

/** How many connections each address has. It holds no address without any. */
export class AddressCounts {
  readonly #counts = new Map<string, number>();

  /** False, and nothing is counted, if the address has `max` already. */
  add(address: string, max: number): boolean {
    const network = networkOf(address);
    const count = this.#counts.get(network) ?? 0;
    if (count >= max) {
      return false;
    }
    this.#counts.set(network, count + 1);
    return true;
  }

  remove(address: string): void {
    const network = networkOf(address);
    const count = this.#counts.get(network) ?? 0;
    if (count > 1) {
      this.#counts.set(network, count - 1);
    } else {
      this.#counts.delete(network);
    }
  }
}

/** An IPv4 address itself, and of an IPv6 address the first 64 bits, because a host has all the others. */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (!isIPv6(plain)) {
    return plain;
  }
  const [head = "", tail = ""] = plain.split("%", 1)[0]?.split("::") ?? [];
  const before = head.split(":").filter((group) => group !== "");
  const after = tail.split(":").filter((group) => group !== "");
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0");
  return [...before, ...zeros, ...after].slice(0, 4).join(":");
}
