import { readFileSync } from "node:fs";
import { join } from "node:path";

const GUIDE = join(import.meta.dirname, "../../receive/languages.md");

/** By the name that a reader looks for, the files of the guide that verify a request. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  "Node.js": ["webhook.mjs"],
  Python: ["webhook.py"],
  Rails: ["app/models/webhook.rb"],
  Laravel: ["app/Webhooks/Webhook.php", "app/Webhooks/Rejected.php"],
  Go: ["webhook.go"],
  Spring: ["Webhook.java"],
};

/** How receivers verify requests, by language: the text of the guide, which is tested. */
export function recipes(): Readonly<Record<string, string>> {
  const guide = readFileSync(GUIDE, "utf8");
  const blocks = [...guide.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, text = ""]) => text);
  const textOf = (file: string): string => {
    const found = blocks.find((text) => text.split("\n", 1)[0]?.endsWith(` ${file}`));
    if (found === undefined) {
      throw new Error(`${GUIDE} has no block that begins with the name ${file}`);
    }
    return found;
  };
  return Object.fromEntries(Object.entries(FILES).map(([name, files]) => [name, files.map(textOf).join("\n")]));
}
