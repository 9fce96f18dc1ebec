/** Gives each type of a module a unique name. */
export class TypeNames {
  readonly #taken: Set<string>;

  constructor(reserved: readonly string[]) {
    this.#taken = new Set(reserved);
  }

  /** `order.paid` becomes OrderPaid; another one with the same name, such as order_paid, gets a number. */
  take(...words: readonly string[]): string {
    const wished = pascalCase(words);
    let name = wished;
    for (let number = 2; this.#taken.has(name); number += 1) {
      name = `${wished}${number}`;
    }
    this.#taken.add(name);
    return name;
  }
}

/** ASCII letters and digits, starting with a capital because no keyword does. */
function pascalCase(words: readonly string[]): string {
  const parts = words.flatMap((word) => word.split(/[^A-Za-z0-9]+/));
  const name = parts.map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join("");
  return /^[A-Z]/.test(name) ? name : `Event${name}`;
}
