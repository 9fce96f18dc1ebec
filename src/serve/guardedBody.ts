/**
 * The same answer. If its body fails midway, the connection ends, which is how HTTP/1.1 tells a client that an answer is
 * not whole; the library would write the error and its stack to stderr. Short answers, which hono makes without a length,
 * cannot fail and stay as they are.
 */
export function guarded(answer: Response, breakOff: (thrown: unknown) => void): Response {
  const { body, headers } = answer;
  if (body === null || !headers.has("content-length")) {
    return answer;
  }
  const reader = body.getReader();
  const guardedBody = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            controller.close();
          } else {
            controller.enqueue(value);
          }
        } catch (thrown) {
          breakOff(thrown);
          controller.close();
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  return new Response(guardedBody, answer);
}
