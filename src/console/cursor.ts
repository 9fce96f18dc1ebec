/** The parts of a cursor. A time has a dot in it, a name stands alone, and what follows a part is an id. */
export function partsOf(cursor: string, count: number): readonly string[] {
  return count === 1 ? [cursor] : cursor.split(/\.(?=[\da-f]{8}-)/i);
}
