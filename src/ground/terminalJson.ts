/** JSON without any character that a terminal acts on. `indent`: spaces; 0 for one line. */
export function terminalJson(value: unknown, indent = 0): string {
  // JSON.stringify leaves characters above 7F as they are. They are all inside strings, where an escape means the same.
  return JSON.stringify(value, null, indent).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
