/** Writes numbered lines to a log and rotates it, as an application and whoever rotates for it do together. */
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";

export type RotationKind = "create" | "copytruncate";

/**
 * The names of rotated files, of which app.log.1 is the newest (logrotate), the oldest (log4j2), or the oldest of the five
 * that are kept (log4j2, full); a date behind or within the name; a number within it; and two in which each file is written
 * under its final name and app.log is a link to the newest.
 */
export const NAMINGS = [
  "descending",
  "ascending",
  "ascending, full",
  "dated",
  "dated within",
  "numbered within",
  "dated, linked",
  "numbered, linked",
] as const;
export type Naming = (typeof NAMINGS)[number];

/** How many rotated files there are at most, if they are "ascending, full". */
export const KEPT = 5;

export class LogWriter {
  readonly path: string;
  readonly #naming: Naming;
  #fd: number;
  /** Lines whose end was written. */
  written = 0;
  /** What was not written yet of the line that has begun. */
  #rest = "";
  rotations = 0;

  constructor(path: string, naming: Naming = "descending") {
    this.path = path;
    this.#naming = naming;
    if (this.isLinked) this.#linkNext();
    this.#fd = openSync(path, "a");
  }

  get isLinked(): boolean {
    return this.#naming.endsWith("linked");
  }

  /** So many lines, in one go or, where `isTorn`, with the last one not to its end. */
  write(count: number, isTorn = false): void {
    const lines = Array.from({ length: count }, (_, n) => this.#line(this.written + n + (this.#rest === "" ? 1 : 2)));
    const text = this.#rest + lines.join("");
    const length = isTorn ? text.length - 7 : text.length;
    writeSync(this.#fd, text.slice(0, length));
    this.written += count + (this.#rest === "" ? 0 : 1) - (isTorn ? 1 : 0);
    this.#rest = text.slice(length);
  }

  /** The line that has begun goes to its end first: who tears one in a rotation has lost it. */
  rotate(kind: RotationKind): void {
    if (this.#rest !== "") this.write(0);
    this.rotations += 1;
    if (this.isLinked) {
      closeSync(this.#fd);
      this.#linkNext();
      this.#fd = openSync(this.path, "a");
      return;
    }
    const name = this.#freeName();
    if (kind === "create") {
      renameSync(this.path, name);
      closeSync(this.#fd);
      this.#fd = openSync(this.path, "a");
    } else {
      copyFileSync(this.path, name);
      truncateSync(this.path);
    }
  }

  /** The log of something else, beside this one and named like it, gets a line. */
  writeNeighbour(name: string): void {
    appendFileSync(join(dirname(this.path), name), '{"n":-1}\n');
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Of the file that is rotated now; the others have made room. */
  #freeName(): string {
    const numbered = (n: number): string =>
      this.#naming === "numbered within" ? this.path.replace(/\.log$/, `-${n}.log`) : `${this.path}.${n}`;
    switch (this.#naming) {
      case "dated":
        return `${this.path}-${dayOf(this.rotations).replaceAll("-", "")}`;
      case "dated within":
        return this.path.replace(/\.log$/, `-${dayOf(this.rotations)}.log`);
      case "descending": {
        let last = 1;
        while (existsSync(numbered(last))) last += 1;
        for (; last > 1; last -= 1) renameSync(numbered(last - 1), numbered(last));
        return numbered(1);
      }
      case "ascending, full": {
        if (this.rotations <= KEPT) return numbered(this.rotations);
        unlinkSync(numbered(1));
        for (let n = 1; n < KEPT; n++) renameSync(numbered(n + 1), numbered(n));
        return numbered(KEPT);
      }
      default:
        return numbered(this.rotations);
    }
  }

  #linkNext(): void {
    const mark = this.#naming === "dated, linked" ? `-${dayOf(this.rotations)}` : `.${this.rotations}`;
    const target = this.path.replace(/\.log$/, `${mark}.log`);
    closeSync(openSync(target, "a"));
    symlinkSync(target, `${this.path}.new`);
    renameSync(`${this.path}.new`, this.path);
    if (readlinkSync(this.path) !== target) throw new Error("the link was not replaced");
  }

  /** Ends of files are told apart by their content: numbers alone would do, and times of day are what logs have. */
  #line(number: number): string {
    return `{"n":${number},"file":${this.rotations},"text":"${"x".repeat(number % 50)}"}\n`;
  }
}

function dayOf(rotation: number): string {
  return new Date(Date.UTC(2026, 10, 25 + rotation)).toISOString().slice(0, 10);
}
