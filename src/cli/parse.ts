import { parseArgs } from "node:util";
import { type Fault, PostriderError } from "../ground/errors.ts";
import { nearest } from "../ground/nearest.ts";
import { type BoundCommand, type Command, type Given, type Mistake, type Option, wrongUsage } from "./command.ts";
import { COMMAND_NAMES, type CommandName, loadCommand } from "./commands.ts";
import { helpOf, overview, usageOf } from "./help.ts";

export type CommandLine =
  | ({ readonly kind: "command"; readonly name: CommandName } & BoundCommand)
  /** Exit status 0: it was asked for, and goes to stdout. 2: no command was given, and it goes to stderr. */
  | { readonly kind: "help"; readonly text: string; readonly exitStatus: 0 | 2 }
  | { readonly kind: "version" };

/**
 * Reads the command line, without the node and script that `process.argv` starts with.
 *
 * `--help` and `--version` take precedence over everything else, right or wrong. Rejects with PostriderError (PR0001, exit
 * status 2) with one fault for each thing that is wrong; no fault contains a secret.
 */
export async function parseCommandLine(argv: readonly string[]): Promise<CommandLine> {
  const [first, ...rest] = argv;
  if (first === undefined) {
    return { kind: "help", text: await overview(), exitStatus: 2 };
  }
  if (first === "help" || HELP_OPTIONS.has(first)) {
    const [topic] = rest;
    return { kind: "help", text: await (topic === undefined ? overview() : helpFor(topic)), exitStatus: 0 };
  }
  if (VERSION_OPTIONS.has(first)) {
    return { kind: "version" };
  }
  if (first.startsWith("-")) {
    throw new PostriderError([await misplacedOption(first)], 2);
  }
  const name = commandNamed(first);
  return parseCommand(name, await loadCommand(name), rest);
}

const HELP_OPTIONS: ReadonlySet<string> = new Set(["--help", "-h"]);
const VERSION_OPTIONS: ReadonlySet<string> = new Set(["--version", "-v"]);

async function helpFor(topic: string): Promise<string> {
  const name = commandNamed(topic);
  return helpOf(name, await loadCommand(name));
}

function commandNamed(word: string): CommandName {
  const name = COMMAND_NAMES.find((each) => each === word);
  if (name !== undefined) {
    return name;
  }
  const meant = nearest(word, COMMAND_NAMES);
  const fault: Fault = {
    code: "PR0001",
    problem: `cannot run ${JSON.stringify(word)}`,
    found: "it is not a command",
    remedy: `${meant === null ? "" : `did you mean "${meant}"? `}postrider --help lists the commands`,
  };
  throw new PostriderError([fault], 2);
}

async function misplacedOption(argument: string): Promise<Fault> {
  const name = argument.replace(/^--?/, "").replace(/=.*$/s, "");
  const commands = await Promise.all(COMMAND_NAMES.map(loadCommand));
  if (commands.some(({ options }) => Object.hasOwn(options, name))) {
    return wrongUsage(`--${name}`, {
      found: "it stands before the command",
      remedy: "write postrider COMMAND --option; postrider --help lists both",
    });
  }
  const meant = nearest(name, ["help", "version"]);
  return wrongUsage(`--${name}`, {
    found: "it is not an option",
    remedy:
      meant === null ? "write postrider COMMAND --option; postrider --help lists both" : `did you mean --${meant}?`,
  });
}

function parseCommand(name: CommandName, command: Command, args: readonly string[]): CommandLine {
  const tokens = tokensOf(command, args);
  const asked = tokens.flatMap((token) => (token.kind === "option" ? token.rawName : []));
  if (asked.some((option) => HELP_OPTIONS.has(option))) {
    return { kind: "help", text: helpOf(name, command), exitStatus: 0 };
  }
  if (asked.some((option) => VERSION_OPTIONS.has(option))) {
    return { kind: "version" };
  }
  const { given, faults } = readTokens(name, command, tokens);
  const missing = missingArguments(name, command, given);
  const allFaults = [...faults, ...missing, ...wrongValues(command, given), ...command.conflicts(given)];
  if (allFaults.length > 0) {
    throw new PostriderError(allFaults, 2);
  }
  return { kind: "command", name, ...command.bind(given) };
}

type Token = ReturnType<typeof tokensOf>[number];

function tokensOf({ options }: Command, args: readonly string[]) {
  const types = Object.entries(options).map(
    ([name, option]) => [name, { type: option.placeholder === "" ? "boolean" : "string" }] as const,
  );
  // Only the tokens are used: the parser's own strictness stops at the first mistake and knows no near misses.
  return parseArgs({
    args: [...args],
    options: {
      ...Object.fromEntries(types),
      help: { type: "boolean", short: "h" },
      version: { type: "boolean", short: "v" },
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  }).tokens;
}

/** Takes the arguments without dashes that follow an option. */
interface Taker {
  readonly texts: string[];
  left: number;
}

/** Which options were given, and what is wrong with their names or the presence of their values. */
function readTokens(
  name: CommandName,
  command: Command,
  tokens: readonly Token[],
): { given: Given; faults: readonly Fault[] } {
  const { options } = command;
  const given = new Map<string, string[]>();
  const faults: Fault[] = [];
  const awaited = Object.keys(command.arguments);
  let taker: Taker | null = null;
  for (const token of tokens) {
    if (token.kind === "option") {
      const fault = optionFault(name, options, token);
      if (fault !== null) {
        faults.push(fault);
        // What follows a wrong option counts as its value, so that one slip is one fault.
        taker = { texts: [], left: 1 };
      } else {
        const texts = [...(given.get(token.name) ?? []), token.value ?? ""];
        given.set(token.name, texts);
        // `--secret A B` means `--secret A --secret B`.
        taker = options[token.name]?.isList ? { texts, left: Number.POSITIVE_INFINITY } : null;
      }
    } else if (token.kind === "positional" && taker !== null && taker.left > 0) {
      taker.texts.push(token.value);
      taker.left -= 1;
    } else if (token.kind === "positional") {
      const argument = awaited.shift();
      if (argument === undefined) {
        faults.push(unexpectedArgument(name, command, token.value));
      } else {
        given.set(argument, [token.value]);
      }
    } else {
      taker = null;
    }
  }
  return { given, faults };
}

function optionFault(name: CommandName, options: Command["options"], token: OptionToken): Fault | null {
  const option = token.rawName === `--${token.name}` && Object.hasOwn(options, token.name) ? options[token.name] : null;
  return option ? valueFault(token.name, option, token) : unknownOption(name, options, token.rawName);
}

interface OptionToken {
  readonly name: string;
  /** As it was written, with its dashes. */
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function unknownOption(name: CommandName, options: Command["options"], rawName: string): Fault {
  const meant = nearest(rawName.replace(/^-+/, ""), [...Object.keys(options), "help", "version"]);
  return wrongUsage(rawName, {
    found: `it is not an option of postrider ${name}`,
    remedy: `${meant === null ? "" : `did you mean --${meant}? `}postrider ${name} --help lists the options`,
  });
}

function missingArguments(name: CommandName, command: Command, given: Given): readonly Fault[] {
  return Object.entries(command.arguments)
    .filter(([argument, { isRequired }]) => isRequired && !given.has(argument))
    .map(([argument]) => ({
      code: "PR0001",
      problem: `cannot run postrider ${name}`,
      found: `${argument} is missing`,
      remedy: `write ${usageOf(name, command)}`,
    }));
}

function unexpectedArgument(name: CommandName, command: Command, argument: string): Fault {
  // A secret that lost its --secret must not be repeated into a terminal's log.
  const shown = /^wh(sec|sk)_/.test(argument) ? "the secret that stands alone" : JSON.stringify(argument);
  return wrongUsage(shown, {
    found: `postrider ${name} takes only ${[...Object.keys(command.arguments), "options"].join(", ").replace(/, (?=options)/, " and ")}`,
    remedy: `postrider ${name} --help lists them`,
  });
}

/** A flag with a value, or an option without one. `--port --json` is the latter: no value starts with a dash, but a dash alone is one. */
function valueFault(name: string, { placeholder }: Option, { value, inlineValue }: OptionToken): Fault | null {
  if (placeholder === "") {
    const mistake: Mistake = { found: "it takes no value", remedy: `write --${name} alone` };
    return value === undefined ? null : wrongUsage(`--${name}`, mistake);
  }
  const isMissing = value === undefined || value === "" || (inlineValue !== true && /^-./s.test(value));
  const mistake: Mistake = { found: "it has no value", remedy: `write --${name} ${placeholder}` };
  return isMissing ? wrongUsage(`--${name}`, mistake) : null;
}

function wrongValues({ options }: Command, given: Given): readonly Fault[] {
  return Object.entries(options).flatMap(([name, option]) =>
    (given.get(name) ?? []).flatMap((value) => {
      const mistake = option.mistake(value);
      return mistake === null ? [] : [wrongUsage(`--${name}`, mistake)];
    }),
  );
}
