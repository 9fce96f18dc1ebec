/**
 * The name of the database: `node name.ts`, a proxy that leads to the present primary and may be slow. Prints `listening PORT`; its
 * parent says where it leads, and how.
 */
import { FaultProxy, PASS, type ProxyMode } from "../chaos/proxy.ts";

export interface Leading {
  readonly host: string;
  readonly port: number;
  readonly latencyMs: number;
}

let target: Leading = { host: "127.0.0.1", port: 9, latencyMs: 0 };
const proxy = await FaultProxy.start(() => target.port, { host: "0.0.0.0", targetHost: () => target.host });

process.on("message", (leading: Leading) => {
  const hasMoved = leading.host !== target.host;
  target = leading;
  proxy.set(modeOf(leading));
  if (hasMoved) proxy.sever();
  process.send?.("done");
});
process.on("disconnect", () => process.exit());

function modeOf({ latencyMs }: Leading): ProxyMode {
  return latencyMs === 0 ? PASS : { kind: "slow", latencyMs, bytesPerSecond: null };
}

console.log(`listening ${proxy.port}`);
