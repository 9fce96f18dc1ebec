import type { Attempt } from "../../domain/attempt.ts";

const HIDDEN = "(hidden)";

/** A receiver may repeat what it was sent, and its answer is kept where more people read it than what is secret in it. */
export function withoutSecrets(attempt: Attempt, secrets: readonly string[]): Attempt {
  const { responseHeaders, responseBody } = attempt;
  const hide = (text: string): string => secrets.reduce((hidden, secret) => hidden.replaceAll(secret, HIDDEN), text);
  return {
    ...attempt,
    responseBody: responseBody && hide(responseBody),
    responseHeaders:
      responseHeaders &&
      Object.fromEntries(Object.entries(responseHeaders).map(([name, value]) => [hide(name), hide(value)])),
  };
}
