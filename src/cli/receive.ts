import { requestText } from "../dev/requestText.ts";
import { unixMs } from "../ground/clock.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { aborted, stdoutClosed, untilStopped } from "../ground/untilStopped.ts";
import { LocalReceiver, type LocalReceiverOptions, secretProblem } from "../receive/localReceiver.ts";
import { defineCommand, port } from "./command.ts";

export const command = defineCommand({
  summary: "runs a local receiver that verifies and prints what arrives",
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
  },
  examples: ["postrider receive", "postrider receive --port 9000 --secret whsec_…"],
  run: (values) => receive(values.port, values.secret),
});

function receive(listenPort: number, secrets: readonly string[]): Promise<0 | 1> {
  return untilStopped({ signals: ["SIGINT", "SIGTERM", "SIGHUP"], sources: [stdoutClosed] }, async (stopping) => {
    const receiver = await startReceiver({
      port: listenPort,
      secrets,
      now: unixMs,
      onRequest: (request) => process.stdout.write(`${requestText(request)}\n`),
    });
    process.stdout.write(greeting(receiver.url, secrets.length));
    await aborted(stopping);
    await receiver.stop();
  });
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
