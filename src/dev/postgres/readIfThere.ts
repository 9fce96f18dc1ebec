import { readFile } from "node:fs/promises";
import { messageOf } from "../../ground/errors.ts";
import { failure, hasCode } from "./failure.ts";

/** The trimmed content, empty if there is no such file. */
export async function readIfThere(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    if (hasCode(error, "ENOENT")) return "";
    throw failure(
      `cannot read ${path}`,
      messageOf(error),
      "make it readable for this user, or choose another directory",
      error,
    );
  }
}
