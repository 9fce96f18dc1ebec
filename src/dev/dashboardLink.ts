import { type ConnectionConfig, openConnection } from "../db/connect.ts";

/** Its sessions go on over restarts; the key itself is shown to nobody. */
const MAKE_KEY = `
  select postrider.create_api_key('postrider dev', '{admin}')
  where not exists (select from postrider.api_key where name = 'postrider dev')`;

const MAKE_LINK = `
  select postrider.create_api_link(k.id, '1 hour') as link from postrider.api_key k where k.name = 'postrider dev'`;

/** The URL of the dashboard that logs a browser in once, within the hour, to do everything. */
export async function dashboardLink(config: ConnectionConfig, address: string): Promise<string> {
  const client = await openConnection({ config, purpose: "control" });
  try {
    await client.query(MAKE_KEY);
    const { rows } = await client.query<{ link: string }>(MAKE_LINK);
    return `http://${address}/#/login=${rows[0]?.link}`;
  } finally {
    await client.end();
  }
}
