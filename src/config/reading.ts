import { readFileSync } from "node:fs";
import * as util from "node:util";
import type { Fault } from "../ground/errors.ts";
import { type Environment, given } from "./environment.ts";
import { fileName, type SettingBase } from "./settings.ts";

/** What is being read, and what was found wrong so far. Each reader adds its faults and gives a default in their place. */
export interface Reading {
  readonly env: Environment;
  readonly faults: Fault[];
}

export function cannotRead(name: string, found: string, remedy: string): Fault {
  return { code: "PR0002", problem: `cannot read ${name}`, found, remedy };
}

/** The text of a setting, from its variable or from the file that NAME_FILE names; null if it is not set. */
export function readText(reading: Reading, setting: SettingBase): string | null {
  const { name } = setting;
  const value = given(reading.env, name);
  const path = setting.secret ? given(reading.env, fileName(name)) : null;
  if (path === null) {
    return value;
  }
  if (value !== null) {
    reading.faults.push(cannotRead(name, `both ${name} and ${fileName(name)} are set`, "set only one of them"));
    return null;
  }
  return readSecretFile(reading, name, path);
}

function readSecretFile(reading: Reading, name: string, path: string): string | null {
  try {
    const text = readFileSync(path, "utf8").replace(/\r?\n$/, "");
    if (text !== "") {
      return text;
    }
    reading.faults.push(cannotRead(fileName(name), "the file is empty", "write the secret into it"));
  } catch (thrown) {
    // Not the error's own message: it contains the path, and the path may be a secret that was put there by mistake.
    const found = `the file that it names cannot be read (${reasonOf(thrown)})`;
    reading.faults.push(cannotRead(fileName(name), found, "give the path of a file that this user may read"));
  }
  return null;
}

export function reasonOf(thrown: unknown): string {
  if (thrown instanceof Error && "errno" in thrown && typeof thrown.errno === "number") {
    // Not imported by name: an old Node would then refuse to load the bundle, and could not say that it is too old.
    return util.getSystemErrorMessage(thrown.errno);
  }
  return "the path is malformed";
}

const QUOTED_CHARS_MAX = 80;

export function quoted(text: string): string {
  return JSON.stringify(text.length > QUOTED_CHARS_MAX ? `${text.slice(0, QUOTED_CHARS_MAX)}…` : text);
}
