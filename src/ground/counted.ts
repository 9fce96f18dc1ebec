/** `1 line`, `2 lines`. */
export function counted(count: number | bigint | string, noun: string, plural = `${noun}s`): string {
  return `${count} ${String(count) === "1" ? noun : plural}`;
}
