/** Puts an entry at the end of a map, and lets the oldest ones go if there are too many. */
export function keepNewest<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, sizeMax: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= sizeMax) {
      return;
    }
    map.delete(oldest);
  }
}
