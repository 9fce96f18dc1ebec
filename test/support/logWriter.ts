/** Writes numbered lines to a log and rotates it, as an application and logrotate do together. */
import { closeSync, copyFileSync, existsSync, openSync, renameSync, truncateSync, writeSync } from "node:fs";

export type RotationKind = "create" | "copytruncate";

export class LogWriter {
  readonly path: string;
  #fd: number;
  /** Lines whose end was written. */
  written = 0;
  /** What was not written yet of the line that has begun. */
  #rest = "";
  rotations = 0;

  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, "a");
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
    let last = 1;
    while (existsSync(`${this.path}.${last}`)) last += 1;
    for (; last > 1; last -= 1) renameSync(`${this.path}.${last - 1}`, `${this.path}.${last}`);
    if (kind === "create") {
      renameSync(this.path, `${this.path}.1`);
      closeSync(this.#fd);
      this.#fd = openSync(this.path, "a");
    } else {
      copyFileSync(this.path, `${this.path}.1`);
      truncateSync(this.path);
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Ends of files are told apart by their content: numbers alone would do, and times of day are what logs have. */
  #line(number: number): string {
    return `{"n":${number},"file":${this.rotations},"text":"${"x".repeat(number % 50)}"}\n`;
  }
}
