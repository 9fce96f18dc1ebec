/** What a key of the API, or a person whom a proxy names, may do. `operate` includes `read`, and `admin` everything. */
export const SCOPES = ["read", "payload", "publish", "operate", "portal:mint", "admin"] as const;

export type Scope = (typeof SCOPES)[number];
