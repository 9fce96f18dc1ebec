/** Whether it ends within so many milliseconds; resolves as soon as that is known. Rejects if it does so in time. */
export async function endsWithin(ending: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), timeoutMs);
  try {
    return await Promise.race([ending.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
