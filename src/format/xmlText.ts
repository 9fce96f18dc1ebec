const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  // A parser makes a line feed of a carriage return that is there as such.
  "\r": "&#13;",
};

/** Text for an element of XML. It must have only characters that XML 1.0 can carry. */
export function xmlText(text: string): string {
  return /[&<>\r]/.test(text) ? text.replace(/[&<>\r]/g, (character) => ENTITIES[character] ?? "") : text;
}
