import application from "./application.mjs";

const { port } = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: application.fetch });
console.log(`listening on ${port}`);
