import { readFile } from "node:fs/promises";
import { requestText } from "../dev/requestText.ts";
import { unixMs } from "../ground/clock.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { aborted, stdoutClosed, untilStopped } from "../ground/untilStopped.ts";
import { type DecryptionKey, loadDecryptionKey } from "../receive/decrypt.ts";
import { LocalReceiver, type LocalReceiverOptions, secretProblem } from "../receive/localReceiver.ts";
import { defineCommand, port, text } from "./command.ts";

export const command = defineCommand({
  summary: "runs a local receiver that verifies, decrypts and prints what arrives",
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
  },
  examples: ["postrider receive", "postrider receive --port 9000 --secret whsec_… --decryption-key private.jwk"],
  run: (values) => receive(values.port, values.secret, values["decryption-key"]),
});

async function receive(listenPort: number, secrets: readonly string[], keyPath: string | null): Promise<0 | 1> {
  const decryptionKey = keyPath === null ? null : await readDecryptionKey(keyPath);
  return untilStopped({ signals: ["SIGINT", "SIGTERM", "SIGHUP"], sources: [stdoutClosed] }, async (stopping) => {
    const receiver = await startReceiver({
      port: listenPort,
      secrets,
      decryptionKey,
      now: unixMs,
      onRequest: (request) => process.stdout.write(`${requestText(request)}\n`),
    });
    process.stdout.write(greeting(receiver.url, secrets.length));
    await aborted(stopping);
    await receiver.stop();
  });
}

/** Rejects with PR0019 if the file cannot be read, or holds no key that can decrypt. */
async function readDecryptionKey(path: string): Promise<DecryptionKey> {
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
  const parsed = await loadDecryptionKey(content);
  if (parsed.kind === "problem") {
    throw fault(`the key ${parsed.problem}`);
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
