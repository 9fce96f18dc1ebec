/** `1 line`, `2 lines`. */
export function counted(count: number | bigint | string, noun: string): string {
  return `${count} ${noun}${String(count) === "1" ? "" : "s"}`;
}
