import { unixMs } from "../ground/clock.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { aborted, stdoutClosed, untilStopped } from "../ground/untilStopped.ts";
import { LocalReceiver, type LocalReceiverOptions } from "../receive/localReceiver.ts";
import type { ReceiveOptions } from "./commandLine.ts";
import { requestText } from "./requestText.ts";

/** `postrider receive`: prints what arrives until it is stopped. */
export async function receive({ port, secrets }: ReceiveOptions): Promise<0 | 1> {
  const receiver = await startReceiver({
    port,
    secrets,
    now: unixMs,
    onRequest: (request) => process.stdout.write(`${requestText(request)}\n`),
  });
  process.stdout.write(greeting(receiver.url, secrets.length));
  return untilStopped({ signals: ["SIGINT", "SIGTERM", "SIGHUP"], sources: [stdoutClosed] }, async (stopping) => {
    await aborted(stopping);
    await receiver.stop();
  });
}

/** Rejects with PR0010 where the port cannot be listened on. */
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
    `${verification} An endpoint for it: select * from postrider.create_endpoint('${url}');`,
    'A daemon refuses loopback unless it is told otherwise; "postrider dev" allows it.',
    "",
    "",
  ].join("\n");
}
