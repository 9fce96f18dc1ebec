// What an application has around the recipe.
import { createServer } from "node:http";
import { Rejected, verifiedEvents } from "./webhook.mjs";

const { default: pg } = await import(process.env.PG_MODULE);
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });

createServer(async (request, response) => {
  const chunks = await request.toArray();
  response.statusCode = await receive(request.headers, Buffer.concat(chunks)).catch((error) => {
    console.log(error.message);
    return error instanceof Rejected ? 401 : 500;
  });
  response.end();
}).listen(Number(process.env.PORT), "127.0.0.1");

async function receive(headers, body) {
  const events = verifiedEvents(headers, body);
  const client = await pool.connect();
  try {
    await client.query("begin");
    for (const { id, type, data } of events) {
      const remember = "insert into webhook_inbox (id) values ($1) on conflict do nothing";
      const { rowCount } = await client.query(remember, [id]);
      if (rowCount === 1 && type === "order.paid") {
        await client.query("insert into shipment (order_id) values ($1)", [data.order_id]);
      }
    }
    await client.query("commit");
    return 204;
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
}
