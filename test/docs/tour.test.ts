/** The tour, as a newcomer follows it: each command prints what the guide shows. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { CommandProcess } from "../support/command.ts";
import { guideBlock, guideBlocks } from "../support/guides.ts";
import { makeServerDirectory } from "../support/serverDirectory.ts";
import { runShell, startShell } from "./shell.ts";

const GUIDE = "src/dev/tour.md";
/** Where the guide's own receiver listens. */
const PORT = "8428";
/** The guide waits until an attempt is sure to have failed, which takes longer here. */
const SLEEP = "sleep 4";
/** On a busy machine it takes longer to look at what has failed, and to start the receiver, before the third attempt. */
const LATER = ["[2 s, 30 s,", "[2 s, 45 s,"] as const;

test("each command of the tour prints what stands below it", { timeout: 300_000 }, async (t) => {
  const directory = await makeServerDirectory("tour");
  const port = await freePort();
  const command = (text: string) =>
    text
      .replaceAll(PORT, port)
      .replaceAll("tour.yaml", join(directory, "tour.yaml"))
      .replace(...LATER);

  assert.equal(guideBlock("src/dev/tour.md", "Start", "sh"), "npm ci\nnpm start\n");
  const start = new CommandProcess(["start", "--", "--data-dir", join(directory, "data")], {
    program: ["npm"],
    // Another program may listen where it does by default.
    env: { POSTRIDER_HTTP_LISTEN: "127.0.0.1:0", POSTRIDER_API_LISTEN: "127.0.0.1:0" },
  });
  t.after(async () => {
    await start.end("SIGTERM");
    await rm(directory, { recursive: true, force: true });
  });
  const [, url = ""] = await start.match(/^DATABASE_URL=(postgres:\/\/.+)\nready/m);
  await start.match(/^delivered +order\.shipped .* attempt 2$/m);
  assertShows(start.stdout, shown("Start").replaceAll(".postrider", join(directory, "data")));
  const env = { DATABASE_URL: url };

  const publish = guideBlock("src/dev/tour.md", "Publish", "sh").replace(/^export .*\n/, "");
  assertShows(await runShell(publish, env), shown("Publish"));

  const [apply = "", explain = ""] = guideBlocks("src/dev/tour.md", "An endpoint that is down", "sh");
  const [applied = "", explained = ""] = guideBlocks(GUIDE, "An endpoint that is down", "text");
  assert.ok(apply.includes(LATER[0]));
  assertShows(await runShell(command(apply), env), applied);
  assert.ok(explain.includes(SLEEP));
  // What has failed twice is shown as it is then, because the third attempt comes soon.
  const look = `explained=$(${explain.split("\n").at(-2)}); echo "$explained" | grep -q "2 attempts failed"`;
  const untilFailed = `until ${look}; do sleep 0.2; done; echo "$explained"`;
  assertShows(await runShell(explain.replace(SLEEP, untilFailed), env), explained);

  const [receive = "", status = ""] = guideBlocks("src/dev/tour.md", "It comes back", "sh");
  const [received = "", looked = ""] = guideBlocks(GUIDE, "It comes back", "text");
  const { shell, remove } = startShell(`exec ${command(receive)}`, env);
  t.after(() => shell.end("SIGTERM").finally(remove));
  await shell.match(/"order_id": 43/);
  assertShows(shell.stdout, received);
  await start.match(/^delivered +order\.paid .* attempt 3$/m);
  assertShows(await runShell(status, env), looked);
});

function shown(heading: string): string {
  return guideBlock(GUIDE, heading, "text");
}

/** The lines that are shown were printed, in their order, and none in between but where the guide leaves some out. */
function assertShows(printed: string, shown: string): void {
  const lines = patternLines(printed);
  let at = -1;
  let mayLeaveOut = true;
  for (const line of patternLines(shown)) {
    if (line === "…") {
      mayLeaveOut = true;
      continue;
    }
    const found = lines.findIndex((each, index) => index > at && matches(each, line));
    assert.ok(found > at && (mayLeaveOut || found === at + 1), `the guide shows "${line}", printed was\n${printed}`);
    at = found;
    mayLeaveOut = false;
  }
}

function matches(line: string, pattern: string): boolean {
  const [before = "", after = ""] = pattern.split("…", 2);
  if (pattern.includes("…")) return line.startsWith(before) && line.endsWith(after);
  // What is too wide is cut, such as a URL whose port has a digit more than that of the guide.
  return line.endsWith("…") ? pattern.startsWith(line.slice(0, -1)) : line === pattern;
}

/** Without what differs from run to run: ids, numbers and their units, names of hosts, and the widths of columns. */
function patternLines(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) =>
      line
        .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "ID")
        .replaceAll(/\S+ (?=\(pid )/g, "HOST ")
        .replaceAll(/[\d.]+/g, "0")
        .replaceAll(/\b0 (ms|s|min)\b/g, "0 TIME")
        .replaceAll(/\s+/g, " ")
        .trim(),
    )
    .filter((line) => line !== "");
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return String(port);
}
