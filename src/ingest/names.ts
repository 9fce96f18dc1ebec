/**
 * What the name of a file tells. A rotated file's name has a mark, which is a date or a number; without the mark it is the
 * file's shape. Rotated files of one log have one shape: app.log.1 and app.log.2 have, and app-2.log has another.
 */

export interface Mark {
  /** The name with `*` in the place of the mark. */
  readonly shape: string;
  /** Of the date; these grow. */
  readonly date: readonly bigint[];
  /** The numbers behind it, or the number: these grow or shrink with age, which depends on who rotates. */
  readonly numbers: readonly bigint[];
}

/** A year, a month, and whatever digits and separators follow. */
const DATE = /(?<!\d)(?:19|20)\d\d[-._]?[01]\d(?:[\dTZ:._+-]*[\dZ])?/;
const LAST_NUMBER = /\d+(?!.*\d)/;
const COMPRESSED = /\.(gz|bz2|xz|zst|lz4|lzma|zip|Z)$/;

export function isCompressed(name: string): boolean {
  return COMPRESSED.test(name);
}

export function markOf(name: string): Mark {
  const dated = DATE.exec(name);
  const found = dated ?? LAST_NUMBER.exec(name);
  if (found === null) {
    return { shape: name, date: [], numbers: [] };
  }
  const rest = name.slice(found.index + found[0].length);
  const numbers = (found[0] + rest).match(/\d+/g)?.map(BigInt) ?? [];
  const dateParts = dated === null ? 0 : /^\d{6}/.test(found[0]) ? 1 : 3;
  const kind = dated === null ? "*" : "*date*";
  return {
    // A part behind the date varies as well: app-2026-11-25.part2.log.
    shape: `${name.slice(0, found.index)}${kind}${dated === null ? rest : rest.replace(/\d+/g, "*")}`,
    date: numbers.slice(0, dateParts),
    numbers: numbers.slice(dateParts),
  };
}

/**
 * The shapes that rotated files of this name usually have, the likeliest first. A number within the name is not among
 * them: worker-2.log is as likely the log of a second worker.
 */
export function usualShapes(followed: string): readonly string[] {
  const [stem, ending] = partsOf(followed);
  const dated = [".", "-", "_"];
  return [
    `${followed}.*`,
    ...dated.map((separator) => `${followed}${separator}*date*`),
    `${followed}.old`,
    ...(ending === "" ? [] : dated.map((separator) => `${stem}${separator}*date*${ending}`)),
  ];
}

/** Whether a file of this name, compressed or not, may be taken for a rotated one, rightly or wrongly. */
export function looksRotated(followed: string, name: string): boolean {
  const plain = name.replace(COMPRESSED, "");
  const [stem, ending] = partsOf(followed);
  return (
    (plain === followed && plain !== name) ||
    (plain.startsWith(followed) && MARK.test(plain.slice(followed.length))) ||
    (ending !== "" &&
      plain.length > followed.length &&
      plain.startsWith(stem) &&
      plain.endsWith(ending) &&
      MARK.test(plain.slice(stem.length, plain.length - ending.length)))
  );
}

/** A number, a date, a date with a time, or `old`, after a separator. */
const MARK = /^[._-](\d[\dTZ:._+-]*|old)$/;

function partsOf(followed: string): readonly [stem: string, ending: string] {
  const dot = followed.lastIndexOf(".");
  return dot > 0 ? [followed.slice(0, dot), followed.slice(dot)] : [followed, ""];
}

/** What all names of one log begin with, as far as can be told. */
export function firstWord(name: string): string {
  return /^[A-Za-z]*/.exec(name)?.[0] ?? "";
}
