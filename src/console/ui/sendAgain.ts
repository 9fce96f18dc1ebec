import { type Call, newKey, send } from "./operation.ts";

/**
 * Sends what one dialog asks for. Without an answer nobody knows whether it was done: sent again, it has the same key, so that
 * it is not done twice.
 */
export function makeSender(): (asked: Call) => Promise<unknown> {
  let unanswered: { readonly request: string; readonly key: string } | null = null;
  return async (asked) => {
    const request = JSON.stringify([asked.operation.name, asked.values]);
    if (unanswered?.request !== request) {
      unanswered = { request, key: newKey() };
    }
    const answer = await send(asked, unanswered.key);
    unanswered = null;
    return answer;
  };
}
