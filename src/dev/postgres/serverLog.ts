import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { type FileHandle, open, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { TAIL_LINES_MAX } from "./failure.ts";

const TAIL_BYTES_MAX = 64 * 1024;

/** A larger log is moved to postgres.log.old when the server starts. */
const LOG_BYTES_MAX = 10 * 1024 * 1024;

export interface LogFile {
  readonly path: string;
  readonly handle: FileHandle;
  /** Where this start's lines begin. */
  readonly sizeBytes: number;
}

/** The server writes to the file and not to a pipe, so its last lines are kept even if this process is killed. */
export async function openLogFile(dataDir: string): Promise<LogFile> {
  const path = join(dataDir, "postgres.log");
  if (existsSync(path) && (await stat(path)).size > LOG_BYTES_MAX) await rename(path, `${path}.old`);
  const handle = await open(path, "a", 0o600);
  return { path, handle, sizeBytes: (await handle.stat()).size };
}

export async function readFrom(path: string, offsetBytes: number): Promise<string> {
  const handle = await open(path, "r");
  try {
    const size = (await handle.stat()).size;
    const start = Math.max(offsetBytes, size - TAIL_BYTES_MAX);
    const buffer = Buffer.alloc(Math.max(0, size - start));
    await handle.read(buffer, 0, buffer.length, start);
    return buffer.toString("utf8");
  } finally {
    await handle.close();
  }
}

/** Passes each line on, and returns the array that always holds the last ones. */
export function followLines(child: ChildProcess, onLog: (line: string) => void): string[] {
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      if (lines.length > TAIL_LINES_MAX) lines.shift();
      onLog(line);
    });
  }
  return lines;
}
