import { nearest } from "../ground/nearest.ts";
import { fileName, RESERVED, SETTINGS } from "./settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The value of a variable; null if it is missing or empty, since many tools cannot unset one. */
export function given(env: Environment, name: string): string | null {
  const value = env[name];
  return value === undefined || value === "" ? null : value;
}

const PREFIX = "POSTRIDER_";

// Tests of the program set these; they are not settings.
const TEST_PREFIX = "POSTRIDER_TEST_";

/**
 * The POSTRIDER_ names that are not settings, with what to do about each. Such a name is a slip. If it were ignored
 * silently, the intended setting would keep its default.
 */
export function unknownNames(env: Environment): readonly { readonly name: string; readonly remedy: string }[] {
  const known = new Set<string>(knownNames());
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !name.startsWith(TEST_PREFIX))
    .filter((name) => !known.has(name) && given(env, name) !== null && !isServiceVariable(env, name))
    .map((name) => ({ name, remedy: unknownNameRemedy(name) }));
}

function unknownNameRemedy(name: string): string {
  const plain = Object.values(SETTINGS).find((setting) => fileName(setting.name) === name);
  if (plain !== undefined) {
    return `only secrets are read from files: set ${plain.name} itself`;
  }
  // Without the prefix, because all names share it, so each would be near every other.
  const endings = knownNames()
    .filter((known) => known.startsWith(PREFIX))
    .map((known) => known.slice(PREFIX.length));
  const meant = nearest(name.slice(PREFIX.length), endings);
  return meant === null ? "unset it; src/config/README.md lists the settings" : `did you mean ${PREFIX}${meant}?`;
}

function knownNames(): readonly string[] {
  return [...Object.values(SETTINGS), ...RESERVED].flatMap((row) =>
    row.secret ? [row.name, fileName(row.name)] : row.name,
  );
}

/**
 * Whether Kubernetes made the variable: a Service called `postrider` puts POSTRIDER_SERVICE_HOST, POSTRIDER_PORT and a
 * dozen more into every pod of its namespace, including the daemon's own.
 */
function isServiceVariable(env: Environment, name: string): boolean {
  return (
    /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/.test(name) ||
    /_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name) ||
    (name.endsWith("_PORT") && /^(tcp|udp|sctp):\/\//.test(env[name] ?? ""))
  );
}

/** The reserved settings that are set. */
export function reservedNames(env: Environment): readonly string[] {
  return RESERVED.filter(({ name, secret }) =>
    Object.keys(env).some((variable) => given(env, variable) !== null && isReservedAs(name, secret, variable)),
  ).map(({ name }) => name);
}

function isReservedAs(name: string, secret: boolean, variable: string): boolean {
  return variable === name || (secret && variable === fileName(name));
}
