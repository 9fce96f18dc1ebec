const KNOWN_MAX = 10_000;

/** Whose tokens are that Postgres has known. Whether one is still valid is for Postgres to say, each time. */
export class KnownTokens {
  /** By hash; the one known longest is the first. */
  readonly #tenants = new Map<string, string>();

  tenantOf(hash: string): string | undefined {
    return this.#tenants.get(hash);
  }

  add(hash: string, tenant: string): void {
    this.#tenants.set(hash, tenant);
    const [oldest] = this.#tenants.keys();
    if (this.#tenants.size > KNOWN_MAX && oldest !== undefined) {
      this.#tenants.delete(oldest);
    }
  }
}
