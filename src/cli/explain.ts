import { readConfig } from "../config/read.ts";
import { readJourney } from "../db/journey.ts";
import { PostriderError } from "../ground/errors.ts";
import { printable } from "../ground/printable.ts";
import { defineCommand, flag, requiredArgument, wrongUsage } from "./command.ts";
import { journeyJson, journeyText } from "./journeyText.ts";
import { withDatabase } from "./withDatabase.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export const command = defineCommand({
  summary: "shows the journey of one event, and why an endpoint did not get it; exits with 1 if there is none",
  arguments: { ID: requiredArgument("the event's id, which receivers see as webhook-id") },
  options: { json: flag("print JSON instead of text") },
  examples: [
    "postrider explain 019a5c0e-7c1b-7f3c-9d2e-5b1f6a7c8d90",
    "postrider explain 019a5c0e-7c1b-7f3c-9d2e-5b1f6a7c8d90 --json | jq .endpoints",
  ],
  run: async ({ ID: id, json }, env) => {
    const config = readConfig(env, { name: "explain", database: "required" });
    if (!UUID.test(id)) {
      throw notAnId(id);
    }
    const journey = await withDatabase(config, { role: "postrider_operator" }, (database) => readJourney(database, id));
    process.stdout.write(json ? journeyJson(journey) : journeyText(journey));
    return journey.kind === "missing" ? 1 : 0;
  },
});

function notAnId(id: string): PostriderError {
  const found = `${printable(JSON.stringify(id))} is not an event's id`;
  const remedy =
    "write the UUID that publish returned, or that the receiver got as webhook-id; postrider tail shows those of attempts";
  return new PostriderError([wrongUsage("ID", { found, remedy })], 2);
}
