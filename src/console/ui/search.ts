/** What a person searches for: `type:order.* tenant:acme since:24h $.amount > 100`. */
export interface Search {
  readonly event_type: string | null;
  readonly tenant: string | null;
  /** A time, or an age such as 24h. */
  readonly since: string | null;
  readonly until: string | null;
  /** A predicate over the payload: everything from the first word that begins with $ or ( on. */
  readonly filter: string | null;
  readonly mistakes: readonly string[];
}

const FIELDS: Readonly<Record<string, "event_type" | "tenant" | "since" | "until">> = {
  type: "event_type",
  tenant: "tenant",
  since: "since",
  until: "until",
};

export function parseSearch(text: string): Search {
  const begins = text.search(/(^|\s)[$(]/);
  const words = (begins === -1 ? text : text.slice(0, begins)).split(/\s+/).filter((word) => word !== "");
  const filter = begins === -1 ? null : text.slice(begins).trim();
  const found: Record<string, string> = {};
  const mistakes: string[] = [];
  for (const word of words) {
    const [, name = "", value = ""] = /^([a-z]+):(.*)$/s.exec(word) ?? [];
    const field = FIELDS[name];
    if (field !== undefined && value !== "") {
      found[field] = value;
    } else if (field === undefined && name === "") {
      // A word alone is a type: most people type one first.
      found.event_type = word;
    } else if (field === undefined) {
      mistakes.push(`“${name}:” is not known; there are type:, tenant:, since: and until:`);
    }
  }
  const { event_type = null, tenant = null, since = null, until = null } = found;
  return { event_type, tenant, since, until, filter, mistakes };
}
