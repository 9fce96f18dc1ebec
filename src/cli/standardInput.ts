/** All of standard input. Null as soon as there is more than that: the rest is not read. */
export async function standardInput(bytesMax: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > bytesMax) {
      return null;
    }
  }
  return Buffer.concat(chunks);
}
