/** Programs that this machine may lack, replaced by ones that note what they were told. */
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";

export interface NotedPrograms {
  /** With the programs first on PATH. */
  readonly env: NodeJS.ProcessEnv;
  /** What each call was, its program first, in their order. */
  calls(): Promise<readonly (readonly string[])[]>;
}

/** Makes the programs in a directory of that directory. Each writes its name and its arguments to a separate file. */
export async function notePrograms(directory: string, names: readonly string[]): Promise<NotedPrograms> {
  const programs = join(directory, "programs");
  await mkdir(programs);
  for (const name of names) {
    const note = `printf '%s\\0' ${name} "$@" > "$(mktemp "${programs}/$(date +%s%N).XXXX.note")"`;
    await writeFile(join(programs, name), `#!/bin/sh\n${note}\n`);
    await chmod(join(programs, name), 0o755);
  }
  const path = [programs, process.env.PATH].join(delimiter);
  return { env: { ...process.env, PATH: path }, calls: () => notesIn(programs) };
}

async function notesIn(programs: string): Promise<string[][]> {
  const files = (await readdir(programs)).filter((name) => name.endsWith(".note")).sort();
  const texts = await Promise.all(files.map((name) => readFile(join(programs, name), "utf8")));
  return texts.map((text) => text.split("\0").slice(0, -1));
}
