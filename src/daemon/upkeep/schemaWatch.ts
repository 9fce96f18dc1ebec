import type { Database } from "../../db/database.ts";
import { assertTablesUsable } from "../../db/schemaState.ts";
import { PostriderError } from "../../ground/errors.ts";

/** Long against what it costs, and short against how long a DBA waits after a migration. */
const INTERVAL_MS = 10_000;

export interface SchemaWatchOptions {
  readonly pool: Database;
  /** Hears once why the schema can no longer be used. */
  readonly onUnusable: (fault: PostriderError) => void;
}

/** Looks now and then whether the schema was migrated to something that this program does not know and must not use. */
export class SchemaWatch {
  readonly #options: SchemaWatchOptions;
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: SchemaWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#looking = this.#look();
    }, INTERVAL_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer ?? undefined);
    await this.#looking;
  }

  async #look(): Promise<void> {
    try {
      await assertTablesUsable(this.#options.pool);
    } catch (thrown) {
      // A server that does not answer is seen to elsewhere, by whoever needs it.
      if (thrown instanceof PostriderError && /^PR000[456]$/.test(thrown.faults[0]?.code ?? "")) {
        clearInterval(this.#timer ?? undefined);
        this.#options.onUnusable(thrown);
      }
    }
  }
}
