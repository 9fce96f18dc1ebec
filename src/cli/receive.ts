import { readFile } from "node:fs/promises";
import type { Writable } from "node:stream";
import { type EventFiles, openEventFiles } from "../dev/eventFiles.ts";
import { LocalReceiver, type LocalReceiverOptions, secretProblem } from "../dev/localReceiver.ts";
import { requestText } from "../dev/requestText.ts";
import { unixMs } from "../ground/clock.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { aborted, stdoutClosed, untilStopped } from "../ground/untilStopped.ts";
import { loadDecryptionKey } from "../receive/decrypt.ts";
import { type GivenKey, parseDecryptionKey } from "../receive/decryptionKeys.ts";
import { defineCommand, type Option, port, text } from "./command.ts";

const origins: Option<readonly string[]> = {
  placeholder: "ORIGIN…",
  default: null,
  sentence: "the only origins to fetch large payloads from; needed where their URL is not signed",
  isList: true,
  mistake: (value) =>
    URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)
      ? null
      : {
          found: `it is ${JSON.stringify(value)}`,
          remedy: "use the beginning of a URL, such as https://events.example.com",
        },
  read: (texts) => texts,
};

export const command = defineCommand({
  summary: "runs a local receiver that verifies, decrypts, and prints or keeps what arrives",
  options: {
    port: port("port to listen on, on 127.0.0.1; 0 picks a free one", 8428),
    secret: {
      placeholder: "S…",
      default: null,
      sentence: "secrets (whsec_…) and public keys (whpk_…) to verify with; without one, nothing is verified",
      isList: true,
      mistake: (value) => {
        const problem = secretProblem(value);
        const remedy =
          "use it as create_endpoint or rotate_secret returned it, or as endpoint_secret.public_key has it";
        return problem === null ? null : { found: `the secret ${problem}`, remedy };
      },
      read: (texts): readonly string[] => texts,
    },
    "decryption-key": text({
      ...{ placeholder: "FILE", default: null },
      sentence: "a private JWK that decrypts what arrives encrypted; without one, that is printed as it is",
    }),
    output: text({
      ...{ placeholder: "PATH", default: null },
      sentence: "write each event once: a file each in PATH/, or lines of JSON in a file, or to stdout (-)",
    }),
    "payload-origin": origins,
  },
  examples: [
    "postrider receive",
    "postrider receive --port 9000 --secret whsec_… --decryption-key private.jwk",
    "postrider receive --secret whsec_… --output events/",
  ],
  run: (values) =>
    receive({
      port: values.port,
      secrets: values.secret,
      keyPath: values["decryption-key"],
      output: values.output,
      origins: values["payload-origin"],
    }),
});

interface Receiving {
  readonly port: number;
  readonly secrets: readonly string[];
  readonly keyPath: string | null;
  readonly output: string | null;
  readonly origins: readonly string[];
}

async function receive({ port: listenPort, secrets, keyPath, output, origins }: Receiving): Promise<0 | 1> {
  const decryptionKeys = keyPath === null ? [] : [await readDecryptionKey(keyPath)];
  const screen: Writable = output === "-" ? process.stderr : process.stdout;
  return untilStopped({ signals: ["SIGINT", "SIGTERM", "SIGHUP"], sources: [stdoutClosed] }, async (stopping) => {
    const trusted = origins.length === 0 ? {} : { origins };
    const files =
      output === null ? null : await openEventFiles(output, process.stdout, { ...trusted, signal: stopping });
    const receiver = await startReceiver({
      ...{ port: listenPort, secrets, decryptionKeys, now: unixMs },
      ...(files !== null && { keep: (event) => files.write(event) }),
      onRequest: (request) => screen.write(`${requestText(request)}\n`),
    });
    screen.write(greeting(receiver.url, secrets.length));
    await aborted(stopping);
    await stop(receiver, files);
  });
}

async function stop(receiver: LocalReceiver, files: EventFiles | null): Promise<void> {
  await receiver.stop();
  await files?.close();
}

/** Rejects with PR0019 if the file cannot be read, or holds no key that can decrypt. */
async function readDecryptionKey(path: string): Promise<GivenKey> {
  const fault = (found: string) =>
    new PostriderError([
      {
        code: "PR0019",
        problem: `cannot read a key from ${path}`,
        found,
        remedy: "name a file with one private JWK, whose public half the endpoint has",
      },
    ]);
  const content = await readFile(path, "utf8").catch((thrown) => {
    throw fault(messageOf(thrown));
  });
  const [parsed, loaded] = [parseDecryptionKey(content), await loadDecryptionKey(content)];
  const problem = parsed.kind === "problem" ? parsed.problem : loaded.kind === "problem" ? loaded.problem : null;
  if (parsed.kind === "problem" || problem !== null) {
    throw fault(`the key ${problem}`);
  }
  return parsed.key;
}

/** Rejects with PR0010 if the port cannot be listened on. */
export async function startReceiver(options: LocalReceiverOptions): Promise<LocalReceiver> {
  try {
    return await LocalReceiver.start(options);
  } catch (thrown) {
    if (thrown instanceof Error && "syscall" in thrown && thrown.syscall === "listen") {
      const isTaken = "code" in thrown && thrown.code === "EADDRINUSE";
      throw new PostriderError([
        {
          code: "PR0010",
          problem: `cannot listen on 127.0.0.1:${options.port}`,
          found: isTaken ? "another program listens there" : messageOf(thrown),
          remedy: "choose another port with --port N, or a free one with --port 0",
        },
      ]);
    }
    throw thrown;
  }
}

function greeting(url: string, secretCount: number): string {
  const verification =
    secretCount === 0
      ? "Signatures are not verified: no --secret was given."
      : `Signatures are verified with ${secretCount === 1 ? "the secret" : `the ${secretCount} secrets`} given.`;
  return [
    `listening on ${url}`,
    `${verification} To create an endpoint for it: select * from postrider.create_endpoint('${url}');`,
    'A daemon refuses loopback addresses by default; "postrider dev" allows them.',
    "",
    "",
  ].join("\n");
}
