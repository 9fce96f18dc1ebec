import type { Config } from "../config/read.ts";
import type { Connection } from "../db/connect.ts";

/** What one check found. `fault`: it stops delivery; `warning`: it may, or something else is not as it should be. */
export type Finding =
  | { readonly state: "ok"; readonly found: string }
  | { readonly state: "warning" | "fault"; readonly found: string; readonly remedy: string };

/** What checks of a database are given. */
export interface Checked {
  readonly config: Config;
  readonly client: Connection;
}

/** One thing that is looked at. A PostriderError that it throws is a fault. */
export interface Check {
  readonly name: string;
  /** The earlier checks without which it could not be looked at, or would blame something else. */
  readonly needs: readonly string[];
  look(checked: Checked): Promise<Finding>;
}

export interface Problem {
  readonly found: string;
  readonly remedy: string;
}

/** One warning of all problems; ok with `fine` if there is none. */
export function warningOf(problems: readonly Problem[], fine: string): Finding {
  return problems.length === 0
    ? { state: "ok", found: fine }
    : {
        state: "warning",
        found: problems.map(({ found }) => found).join("; "),
        remedy: problems.map(({ remedy }) => remedy).join("; "),
      };
}
