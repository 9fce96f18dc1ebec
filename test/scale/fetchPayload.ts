/** What largePayload.test.ts runs: fetches a payload, and writes how many elements, or bytes, it had, and its seconds of CPU. */
const [program, url = ""] = process.argv.slice(2);

/** Every element once and in order, a page at a time. */
async function pages(): Promise<number> {
  let count = 0;
  let next: string | null = `${url}?limit=10000`;
  while (next !== null) {
    const response: Response = await fetch(next, { headers: { accept: "application/x-ndjson" } });
    for (const line of (await response.text()).trimEnd().split("\n")) {
      count += 1;
      if (!line.startsWith(`{"id":${count},`)) {
        throw new Error(`element ${count} is ${line.slice(0, 100)}`);
      }
    }
    const link = /^<([^>]+)>/.exec(response.headers.get("link") ?? "")?.[1];
    next = link === undefined ? null : new URL(link, next).href;
  }
  return count;
}

async function whole(): Promise<number> {
  let count = 0;
  for await (const chunk of (await fetch(url)).body ?? []) {
    count += chunk.length;
  }
  return count;
}

const count = await (program === "pages" ? pages() : whole());
const { user, system } = process.cpuUsage();
console.log(count, (user + system) / 1_000_000);
