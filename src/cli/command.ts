import type { Environment } from "../config/environment.ts";
import type { Fault } from "../ground/errors.ts";

/** A command of the command line: its specification, which parsing and help follow, and its run. */
export interface Command {
  /** Continues the line "postrider NAME: ". */
  readonly summary: string;
  /** By name, without the dashes. */
  readonly options: OptionTable;
  /** What stands without a name, in this order. */
  readonly arguments: ArgumentTable;
  readonly examples: readonly string[];
  /** What is wrong with options that are valid one by one. */
  conflicts(given: Given): readonly Fault[];
  /** `given` has no fault. */
  bind(given: Given): BoundCommand;
}

/** A command with the values of its options. */
export interface BoundCommand {
  readonly values: Readonly<Record<string, unknown>>;
  /** Resolves with the exit status; rejects with PostriderError if a person must fix something. */
  run(env: Environment): Promise<0 | 1>;
}

export type OptionTable = Readonly<Record<string, Option>>;

/** By the name that usage lines and values have; no option has it. */
export type ArgumentTable = Readonly<Record<string, Argument>>;

export interface Argument<Value = unknown> {
  readonly isRequired: boolean;
  readonly sentence: string;
  /** Undefined: it was not given, and is not required. */
  read(text: string | undefined): Value;
}

/** The texts of each option in the order given, `[""]` for a flag, and of each argument. */
export type Given = ReadonlyMap<string, readonly string[]>;

export interface Option<Value = unknown> {
  /** What stands for the value in usage lines; empty for a flag. */
  readonly placeholder: string;
  /** As a person would type it; null if there is none. */
  readonly default: string | null;
  readonly sentence: string;
  /** Whether several values may follow the option. */
  readonly isList: boolean;
  /** What is wrong with a value; null if nothing is. */
  mistake(text: string): Mistake | null;
  /** The value of texts without a mistake. */
  read(texts: readonly string[]): Value;
}

export interface Mistake {
  readonly found: string;
  readonly remedy: string;
}

type ValuesOf<Options extends OptionTable, Arguments extends ArgumentTable> = {
  readonly [Name in keyof Options]: Options[Name] extends Option<infer Value> ? Value : never;
} & {
  readonly [Name in keyof Arguments]: Arguments[Name] extends Argument<infer Value> ? Value : never;
};

interface CommandSpec<Options extends OptionTable, Arguments extends ArgumentTable> {
  readonly summary: string;
  readonly options: Options;
  readonly arguments?: Arguments;
  readonly examples: readonly string[];
  readonly conflicts?: (given: Given) => readonly Fault[];
  readonly run: (values: ValuesOf<Options, Arguments>, env: Environment) => Promise<0 | 1>;
}

export function defineCommand<Options extends OptionTable, Arguments extends ArgumentTable = Record<never, never>>(
  spec: CommandSpec<Options, Arguments>,
): Command {
  const { summary, options, examples, conflicts = () => [] } = spec;
  const taken: ArgumentTable = spec.arguments ?? {};
  const bind = (given: Given): BoundCommand => {
    const entries = [
      ...Object.entries(options).map(([name, option]) => [name, option.read(given.get(name) ?? [])]),
      ...Object.entries(taken).map(([name, argument]) => [name, argument.read(given.get(name)?.[0])]),
    ];
    const values = Object.fromEntries(entries) as ValuesOf<Options, Arguments>;
    return { values, run: (env) => spec.run(values, env) };
  };
  return { summary, options, arguments: taken, examples, conflicts, bind };
}

export function requiredArgument(sentence: string): Argument<string> {
  return { isRequired: true, sentence, read: (given) => given ?? "" };
}

export function optionalArgument(sentence: string): Argument<string | null> {
  return { isRequired: false, sentence, read: (given) => given ?? null };
}

export function flag(sentence: string): Option<boolean> {
  return {
    ...{ placeholder: "", default: null, sentence, isList: false },
    mistake: () => null,
    read: (texts) => texts.length > 0,
  };
}

interface TextSpec<Default extends string | null> {
  readonly placeholder: string;
  readonly default: Default;
  readonly sentence: string;
  readonly mistake?: (text: string) => Mistake | null;
}

/** The last value counts, as users of shells expect of a repeated option. */
export function text<Default extends string | null>(spec: TextSpec<Default>): Option<string | Default> {
  return { mistake: () => null, ...spec, isList: false, read: (texts) => texts.at(-1) ?? spec.default };
}

const PORT_MAX = 65_535;

export function port<Default extends number | null>(sentence: string, defaultPort: Default): Option<number | Default> {
  return {
    ...{ placeholder: "N", default: defaultPort === null ? null : String(defaultPort), sentence, isList: false },
    mistake: (value) =>
      /^\d{1,5}$/.test(value) && Number(value) <= PORT_MAX
        ? null
        : { found: `it is ${JSON.stringify(value)}`, remedy: `use a whole number from 0 to ${PORT_MAX}` },
    read: (texts) => (texts.length === 0 ? defaultPort : Number(texts.at(-1))),
  };
}

export function wrongUsage(options: string, { found, remedy }: Mistake): Fault {
  return { code: "PR0001", problem: `cannot use ${options}`, found, remedy };
}

/** The conflict between two options that exclude each other. */
export function notTogether(given: Given, one: string, other: string): readonly Fault[] {
  const mistake = { found: "both are given, and each does something else", remedy: "choose one" };
  return given.has(one) && given.has(other) ? [wrongUsage(`--${one} and --${other}`, mistake)] : [];
}
