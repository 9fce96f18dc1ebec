/** Gives each type of a module a name of its own. */
export class TypeNames {
  readonly #taken: Set<string>;

  constructor(reserved: readonly string[]) {
    this.#taken = new Set(reserved);
  }

  /** `order.paid` becomes OrderPaid; what would have the same name, as order_paid, gets a number. */
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

/** Of ASCII letters and digits, with a letter first: then it is no keyword, for those begin with a small one. */
function pascalCase(words: readonly string[]): string {
  const parts = words.flatMap((word) => word.split(/[^A-Za-z0-9]+/));
  const name = parts.map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join("");
  return /^[A-Z]/.test(name) ? name : `Event${name}`;
}
