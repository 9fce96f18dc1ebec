import { type Environment, given } from "../config/environment.ts";
import { isOutage } from "../db/pgErrors.ts";
import { type ExitStatus, type Fault, PostriderError } from "../ground/errors.ts";
import { type StopSource, untilStopped } from "../ground/untilStopped.ts";
import type { SupervisedVitals } from "../listen/vitals.ts";
import type { Events } from "../telemetry/bus.ts";
import type { Emitted } from "../telemetry/events.ts";

/**
 * What a supervised process tells: that its daemon has started, why it ends, what it has put into the queue, and what the
 * supervisor asked.
 */
export type Report =
  | { readonly kind: "started" }
  | ({ readonly kind: "verdict" } & Verdict)
  | { readonly kind: "queued"; readonly deliveries: number }
  | Answer;

/** What the supervisor asks of the vitals, by the name of the method. Answers pass as JSON. */
export interface Question {
  readonly kind: "question";
  readonly id: number;
  readonly about: keyof SupervisedVitals;
}

export interface Answer {
  readonly kind: "answer";
  readonly id: number;
  readonly answer: unknown;
}

/** Why a process cannot work. */
export interface Verdict {
  readonly faults: readonly Fault[];
  readonly exitStatus: ExitStatus;
  /** Postgres is away or cannot work now: a daemon that runs would wait. Otherwise a person must fix something. */
  readonly mayPass: boolean;
}

/** The supervisor sets it for the processes that it starts. It is not a setting. */
const SUPERVISED = "POSTRIDER_SUPERVISED";

export function supervisedEnvironment(env: Environment): Environment {
  return { ...env, [SUPERVISED]: "1" };
}

/** The settings of a supervised process; null if this process has no supervisor. */
export function settingsUnderSupervisor(env: Environment): Environment | null {
  const { [SUPERVISED]: _, ...settings } = env;
  return given(env, SUPERVISED) !== null && process.send !== undefined ? settings : null;
}

/**
 * Runs `work` until the supervisor asks for a stop or is gone, and resolves with the exit status. `work` calls `onStarted`
 * once its daemon has started. Why it cannot work is told to the supervisor, which says it once for all processes.
 */
export async function underSupervisor(
  work: (stopping: AbortSignal, onStarted: () => void) => Promise<void>,
): Promise<0 | 1> {
  const onStarted = () => void tellSupervisor({ kind: "started" });
  try {
    return await untilStopped({ signals: [], sources: [supervisorAsks] }, (stopping) => work(stopping, onStarted));
  } catch (thrown) {
    if (!(thrown instanceof PostriderError) || !process.connected) {
      throw thrown;
    }
    const { faults, exitStatus } = thrown;
    await tellSupervisor({ kind: "verdict", faults, exitStatus, mayPass: isOutage(thrown) });
    return 1;
  }
}

/**
 * A signal never insists here. A terminal's Ctrl-C and systemd's SIGTERM reach every process, and the supervisor passes
 * them on, so a second one is an echo. If the first insisted, the supervisor kills.
 */
const supervisorAsks: StopSource = (ask) => {
  process.on("SIGTERM", ask);
  process.on("SIGINT", ask);
  const gone = (): void => ask("the supervisor is gone");
  process.on("disconnect", gone);
  if (!process.connected) {
    gone();
  }
  return () => {
    // The signals stay caught until the exit, as they do without a supervisor.
  };
};

/** From now on this process answers what the supervisor asks. */
export function answerSupervisor(vitals: SupervisedVitals): void {
  process.on("message", (message) => {
    const { id, about } = message as Question;
    // A supervisor without an answer takes the process for one that is not ready.
    void vitals[about]().then((answer) => tellSupervisor({ kind: "answer", id, answer }));
  });
}

/** What was put into the queue within this time is told together. */
const QUEUED_GAP_MS = 10;

/** The supervisor has the listener, at which receivers may wait for what a daemon has put into the queue. */
export function tellOfQueued(events: Events): void {
  let untold = 0;
  const tell = (): void => {
    void tellSupervisor({ kind: "queued", deliveries: untold });
    untold = 0;
  };
  const onEvent = (event: Emitted): void => {
    if (event.name === "deliveries.queued") {
      if (untold === 0) {
        setTimeout(tell, QUEUED_GAP_MS).unref();
      }
      untold += event.fields.deliveries;
    }
  };
  events.subscribe(onEvent, { successes: false });
}

function tellSupervisor(report: Report): Promise<void> {
  return new Promise((resolve) => {
    // If the supervisor ends meanwhile, nothing is left to tell it to.
    process.send?.(report, () => resolve());
  });
}
