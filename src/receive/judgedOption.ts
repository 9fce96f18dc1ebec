import { kindOf, ReceiveError } from "./receiveError.ts";

/** The names of options, each once: the compiler says if one is missing or too many. */
export type NamesOf<Options> = Readonly<Record<keyof Options, true>>;

/** A misspelt option would otherwise promise what does not happen. */
export function refuseUnknown(options: object, names: Readonly<Record<string, true>>): void {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name));
  if (unknown !== undefined) {
    throw wrong(unknown, `there is no option of that name; there are ${Object.keys(names).join(", ")}`);
  }
}

export function listOf(name: string, list: unknown): readonly unknown[] {
  if (list === undefined) {
    return [];
  }
  if (!Array.isArray(list)) {
    throw wrong(name, `it is ${kindOf(list)}; give an array`);
  }
  return list;
}

export function textsOf(name: string, texts: unknown): readonly string[] {
  return listOf(name, texts).map((text, at) => {
    if (typeof text !== "string") {
      throw wrong(`${name}[${at}]`, `it is ${kindOf(text)}; give a string: it may be missing in the environment`);
    }
    return text;
  });
}

export type Parsed<Key> =
  | { readonly kind: "key"; readonly key: Key }
  | { readonly kind: "problem"; readonly problem: string };

export function goodOf<Key>(name: string, parsed: Parsed<Key>): Key {
  if (parsed.kind === "problem") {
    throw wrong(name, `it ${parsed.problem}`);
  }
  return parsed.key;
}

export function numberOf(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) {
    return value;
  }
  throw wrong(name, `it is not a whole number from ${min} to ${max}`);
}

export function functionOf<Wanted>(name: string, value: Wanted): Wanted {
  if (typeof value !== "function") {
    throw wrong(name, `it is ${kindOf(value)}; give a function`);
  }
  return value;
}

export function wrong(name: string, problem: string): ReceiveError {
  return new ReceiveError("bad_options", `cannot receive events with the option ${name}: ${problem}`);
}
