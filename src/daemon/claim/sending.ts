import type { Database } from "../../db/database.ts";
import { defineStatement } from "../../db/statements.ts";
import type { Conditions } from "../../telemetry/conditions.ts";

const findSending = defineStatement("find_sending", {
  params: {},
  columns: { reason: "text?", changed_by: "text" },
});

/**
 * Reports when an operator has switched sending off or on, and why. To be called with what each claim has found.
 * Resolves with whether sending was switched on again.
 */
export async function noteSending(database: Database, conditions: Conditions, isOff: boolean): Promise<boolean> {
  if (!isOff && !conditions.has("not_sending")) {
    return false;
  }
  const { rows } = await database.run(findSending, {});
  const { reason, changed_by } = rows[0] ?? { reason: null, changed_by: "" };
  if (!isOff) {
    conditions.end("not_sending", { changed_by });
    return true;
  }
  // At each look, because the reason may be edited while sending is off.
  const shown = `sending is switched off by ${changed_by}: ${reason ?? "no reason was given"}`;
  conditions.begin("not_sending", "sending.stopped", { reason, changed_by }, shown);
  return false;
}
