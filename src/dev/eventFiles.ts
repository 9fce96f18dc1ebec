import { createHash, randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { messageOf, PostriderError } from "../ground/errors.ts";
import type { ReceivedEvent } from "../receive/event.ts";
import { fetchPayload, payloadBytes } from "../receive/payload.ts";
import type { PayloadOptions } from "../receive/payloadShapes.ts";

/** Keeps events that arrived. */
export interface EventFiles {
  /** Resolves once the event is written, with its payload, wherever that is. Rejects if it could not be; then nothing of it is there. */
  write(event: ReceivedEvent): Promise<void>;
  /** Resolves once all that is being written is. */
  close(): Promise<void>;
}

/** The longest name that every file system takes, without the suffix. */
const NAME_CHARS_MAX = 200;

/**
 * Where events are written:
 *
 *     -           lines of JSON to stdout
 *     a/folder/   a file for each event, named by its id; a folder that exists needs no slash at its end
 *     a/file      lines of JSON, behind those that are there
 *
 * Rejects with PR0019 if it cannot be written to.
 */
export async function openEventFiles(path: string, stdout: Writable, options: PayloadOptions): Promise<EventFiles> {
  if (path === "-") {
    return lines(
      (text) => written(stdout, text),
      async () => {},
      options,
    );
  }
  try {
    if (path.endsWith("/") || (await isFolder(path))) {
      await mkdir(path, { recursive: true });
      return folder(path, options);
    }
    const file = await open(path, "a+");
    await endLine(file);
    return lines(
      (text) => append(file, text),
      () => file.close(),
      options,
    );
  } catch (thrown) {
    throw new PostriderError([
      {
        code: "PR0019",
        problem: `cannot write events to ${path}`,
        found: messageOf(thrown),
        remedy: "name a folder, or a file in a folder that exists",
      },
    ]);
  }
}

/** One line after the other, so that none stands within another. */
function lines(
  append: (text: string) => Promise<void>,
  close: () => Promise<void>,
  options: PayloadOptions,
): EventFiles {
  let last: Promise<void> = Promise.resolve();
  return {
    async write(event) {
      const line = `${headOf(event)}${onOneLine((await fetchPayload(event, options)).dataText)}}\n`;
      const writing = last.then(() => append(line));
      last = writing.catch(() => {});
      await writing;
    },
    async close() {
      await last;
      await close();
    },
  };
}

function folder(path: string, options: PayloadOptions): EventFiles {
  const writing = new Set<Promise<void>>();
  return {
    async write(event) {
      const one = writeFileOf(event, join(path, fileName(event.id)), options);
      writing.add(one);
      await one.finally(() => writing.delete(one));
    },
    async close() {
      await Promise.allSettled(writing);
    },
  };
}

/** Beside its place first, so that what lies there is whole. An event that lies there already is not written again. */
async function writeFileOf(event: ReceivedEvent, path: string, options: PayloadOptions): Promise<void> {
  if (await isThere(path)) {
    return;
  }
  const beside = `${path}.${randomUUID()}.tmp`;
  const file = await open(beside, "w");
  try {
    await file.writeFile(headOf(event));
    for await (const bytes of payloadBytes(event, options)) {
      await file.writeFile(bytes);
    }
    await file.writeFile("}\n");
    await file.close();
    await rename(beside, path);
  } catch (thrown) {
    await file.close().catch(() => {});
    await rm(beside, { force: true });
    throw thrown;
  }
}

/** What precedes the payload. An id may be any text without blanks, such as one with slashes. */
function fileName(id: string): string {
  const name = encodeURIComponent(id);
  const isLong = name.length > NAME_CHARS_MAX;
  return `${isLong ? createHash("sha256").update(id).digest("hex") : name}.json`;
}

function headOf(event: ReceivedEvent): string {
  const { id, type, timestamp, source, subject, attributes, orderingKey } = event;
  const members = {
    ...{ id, type, timestamp },
    ...(source !== undefined && { source }),
    ...(subject !== undefined && { subject }),
    ...(Object.keys(attributes).length > 0 && { attributes }),
    ...(orderingKey !== undefined && { ordering_key: orderingKey }),
  };
  return `${JSON.stringify(members).slice(0, -1)},"data":`;
}

/** A line break in JSON is always a blank, because strings hold none. */
function onOneLine(json: string): string {
  return json.replaceAll(/[\r\n]/g, " ");
}

function written(stream: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** A line that could not be written to its end, as on a full disk, is taken back. */
async function append(file: FileHandle, text: string): Promise<void> {
  const { size } = await file.stat();
  try {
    await file.appendFile(text);
  } catch (thrown) {
    await file.truncate(size);
    throw thrown;
  }
}

/** A process that was killed may have left half a line. */
async function endLine(file: FileHandle): Promise<void> {
  const { size } = await file.stat();
  const { buffer } = size === 0 ? { buffer: Buffer.from("\n") } : await file.read(Buffer.alloc(1), 0, 1, size - 1);
  if (buffer.toString() !== "\n") {
    await file.appendFile("\n");
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() ?? false;
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}
