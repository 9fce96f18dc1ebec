export interface PostgresOptions {
  /** Holds the data and the socket. */
  readonly directory: string;
  /** From where it can be reached. */
  readonly subnet: string;
  /** If it is a standby, of what. */
  readonly primary?: { readonly url: string; readonly dataDir: string };
  readonly standbyName: string;
}
